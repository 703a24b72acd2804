import type { CodegenConfig } from '@graphql-codegen/cli'

/** Generates `src/gql/`: the types of all operations below `src`, and `graphql()`, which returns them. */
const config: CodegenConfig = {
  schema: '../../schema.graphql',
  documents: ['src/**/*.{ts,tsx}', '!src/gql/**'],
  generates: {
    'src/gql/': {
      preset: 'client',
      presetConfig: { fragmentMasking: { unmaskFunctionName: 'getFragmentData' } },
      config: {
        scalars: { DateTime: 'string', URL: 'string', JSONObject: 'Record<string, unknown>' },
        strictScalars: true,
        useTypeImports: true,
        enumType: 'string-literal',
        importExtension: '.ts',
      },
    },
    'src/gql/possible-types.ts': { plugins: ['./possible-types.mjs'] },
  },
}

export default config
