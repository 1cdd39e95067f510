// Where the page starts.

import { render } from "preact";
import { App } from "./app.tsx";

const root = document.createElement("div");
document.body.append(root);
render(<App />, root);
