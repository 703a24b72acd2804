/** The paths of 0-0 that this service calls, without an id. Each has a circuit breaker. */
export type Route = '/v1/asset-groups' | '/v1/assets' | '/v1/video/tasks'
