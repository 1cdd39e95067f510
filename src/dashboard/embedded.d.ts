// `with { type: "text" }` gives the text of a file.
declare module "*.svg" {
  const text: string;
  export default text;
}

// Styles are imported for the bundler to find them.
declare module "*.css";
