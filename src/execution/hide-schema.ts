import { NoSchemaIntrospectionCustomRule, validate } from 'graphql'
import type { Plugin } from 'graphql-yoga'

/** Hides the schema: rejects introspection and removes suggestions from error messages. */
export function useHiddenSchema(): Plugin {
  // Suggestions for variables are created during execution.
  const hide = ({ args }: { args: object }) => void Object.assign(args, { hideSuggestions: true })
  return {
    onExecute: hide,
    onSubscribe: hide,
    onValidate({ addValidationRule, setValidationFn }) {
      addValidationRule(NoSchemaIntrospectionCustomRule)
      setValidationFn((schema, document, rules) =>
        validate(schema, document, rules, { hideSuggestions: true }),
      )
    },
  }
}
