FROM node:24-slim
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev
COPY src ./src
ENV HOST=0.0.0.0 PORT=4000 DATA_DIR=/data
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 4000
# Not through npm, so that SIGTERM reaches the process itself.
CMD ["node_modules/.bin/node", "--max-semi-space-size=4", "src/main.ts"]
