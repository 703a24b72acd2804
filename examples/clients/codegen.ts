import type { CodegenConfig } from '@graphql-codegen/cli'
import { addTypenameSelectionDocumentTransform as addTypename } from '@graphql-codegen/client-preset'

// #region codegen
const client = {
  preset: 'client' as const,
  // The caches need `__typename`, so the persisted documents must have it too.
  documentTransforms: [addTypename],
  presetConfig: {
    fragmentMasking: false,
    persistedDocuments: true,
  },
  config: {
    enumType: 'string-literal' as const,
    importExtension: '.ts' as const,
    scalars: { DateTime: 'string', JSONObject: 'Record<string, unknown>', URL: 'string' },
    strictScalars: true,
    useTypeImports: true,
  },
}

const config: CodegenConfig = {
  schema: '../../schema.graphql',
  documents: 'shared/operations.graphql',
  generates: {
    'shared/gql/': client,
    'fetch/gql/': { ...client, config: { ...client.config, documentMode: 'string' } },
  },
}
// #endregion

export default config
