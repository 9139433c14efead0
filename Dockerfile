# The server on Microsoft's Functions host, for container hosts: see docs/deploy.md.
FROM node:24-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run package

FROM mcr.microsoft.com/azure-functions/node:4-node22
# The body limit is that of infra/main.bicep; the host's own would be 100 MB.
ENV AzureWebJobsScriptRoot=/home/site/wwwroot \
    AzureFunctionsJobHost__Logging__Console__IsEnabled=true \
    FUNCTIONS_REQUEST_BODY_SIZE_LIMIT=553648128 \
    STORAGE=azure
COPY --from=build /src/out/app /home/site/wwwroot
