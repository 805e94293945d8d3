"use strict";

// Every address is relative, so that the page also works under a path of a reverse proxy; `validatorUrl: null` keeps
// Swagger UI from sending the document to a validator elsewhere.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  deepLinking: true,
  validatorUrl: null,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
});
