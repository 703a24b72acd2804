import { NoSchemaIntrospectionCustomRule, validate } from 'graphql'
import type { Plugin } from 'graphql-yoga'

/** Keeps the schema from those who do not know it: no introspection, and no suggestions in errors. */
export function useHiddenSchema(): Plugin {
  // What is wrong with variables is found at execution.
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
