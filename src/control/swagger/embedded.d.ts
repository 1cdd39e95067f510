// `with { type: "file" }` gives the path of a file, also inside the compiled executable.
declare module "swagger-ui-dist/*" {
  const path: string;
  export default path;
}

declare module "*.page.js" {
  const path: string;
  export default path;
}
