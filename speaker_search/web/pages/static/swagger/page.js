// Swagger UI on the server's own description. It asks nobody else: its validator would be a site on the web.

const spec = await (await fetch("/openapi.json")).json();
// This release of Swagger UI draws OpenAPI 3.0 alone. What 3.1 adds here, `null` as a type, it draws well enough.
spec.openapi = "3.0.3";
window.SwaggerUIBundle({spec, dom_id: "#api", deepLinking: true, validatorUrl: null, defaultModelsExpandDepth: 0});
