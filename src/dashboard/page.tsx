// Where the page starts: the style, then the application.

import "uplot/dist/uPlot.min.css";
import "./page.css";
import { render } from "preact";
import { App } from "./app.tsx";

const root = document.createElement("div");
document.body.append(root);
render(<App />, root);
