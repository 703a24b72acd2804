FROM node:26-slim
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The base image already contains Node, so the Node packages from npm are removed.
RUN npm ci --omit=dev && rm -rf node_modules/node-linux-* node_modules/.bin/node
COPY src ./src
ENV HOST=0.0.0.0 PORT=4000 DATA_DIR=/data
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 4000
# Runs node directly, so that the service itself receives the signals of the container.
CMD ["node", "src/main.ts"]
