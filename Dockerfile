FROM node:26-slim AS board
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json schema.graphql ./
COPY examples ./examples
RUN npm run prepare

FROM node:26-slim
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The base image already contains Node, so the Node packages from npm are removed.
RUN npm ci --omit=dev && rm -rf node_modules/node-linux-* node_modules/.bin/node
COPY src ./src
COPY --from=board /app/examples/board/dist ./examples/board/dist
ENV HOST=0.0.0.0 PORT=4000 DATA_DIR=/data
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 4000
# Runs node directly, so that the service itself receives the signals of the container.
CMD ["node", "src/main.ts"]
