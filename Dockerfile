# docker build -t sconce . && docker run --rm -p 127.0.0.1:8080:8080 sconce

FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# ONNX Runtime would fetch GPU libraries from elsewhere.
ENV ONNXRUNTIME_NODE_INSTALL=skip
RUN npm ci
COPY . .
RUN npm run build
RUN npm prune --omit=dev
# ONNX Runtime's package brings its libraries for every platform: 250 MB of them are not this one's.
RUN find node_modules/onnxruntime-node/bin/napi-v6 -mindepth 2 -maxdepth 2 \
    ! -path "*/$(node -p 'process.platform + "/" + process.arch')" -exec rm -r {} +

FROM node:24-slim
RUN useradd --create-home --uid 10001 sconce
WORKDIR /opt/sconce
COPY --from=build /build/package.json /build/LICENSE ./
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY --from=build /build/config ./config
COPY --from=build --chown=sconce:sconce /build/model-store /home/sconce/model-store
USER sconce
# Within the container's own network; what is published decides who gets in.
ENV NODE_ENV=production \
    TS_INFERENCE_ADDRESS=http://0.0.0.0:8080 \
    TS_MANAGEMENT_ADDRESS=http://0.0.0.0:8081 \
    TS_METRICS_ADDRESS=http://0.0.0.0:8082 \
    TS_GRPC_INFERENCE_ADDRESS=0.0.0.0 \
    TS_GRPC_MANAGEMENT_ADDRESS=0.0.0.0
EXPOSE 8080 8081 8082 7070 7071
VOLUME /home/sconce/model-store
HEALTHCHECK --start-period=30s CMD ["node", "-e", \
    "fetch('http://127.0.0.1:8080/ping').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/src/cli/sconce.js", "start", "--ts-config", "config/config.properties", \
    "--model-store", "/home/sconce/model-store"]
CMD ["--models", "all"]
