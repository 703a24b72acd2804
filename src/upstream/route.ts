/** The paths of 0-0 that we use, without an id (upstream-api 1). Each route has its own circuit breaker. */
export type Route = '/v1/asset-groups' | '/v1/assets' | '/v1/video/tasks' | '/v1/models'
