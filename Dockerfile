FROM node:26-slim
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The base image has the Node that the service runs on, so the one from npm is not needed.
RUN npm ci --omit=dev && rm -rf node_modules/node-linux-* node_modules/.bin/node
COPY src ./src
ENV HOST=0.0.0.0 PORT=4000 DATA_DIR=/data
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 4000
# Without npm between the container and the service.
CMD ["node", "--max-semi-space-size=4", "src/main.ts"]
