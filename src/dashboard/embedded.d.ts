// `with { type: "text" }` gives the text of a file.
declare module "*.svg" {
  const text: string;
  export default text;
}
