// Runs in the browser, on the page that answers 401 to a person who opened /swagger without the
// admin token. A browser cannot send a bearer token by itself, so this asks for it, fetches the
// document with it and starts Swagger UI. The token stays in the memory of this page.

const form = document.querySelector("form");
const note = document.querySelector("#note");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const token = form.elements.token.value.trim();
  note.textContent = "";
  try {
    const answer = await fetch("/swagger/json", { headers: { authorization: `Bearer ${token}` } });
    const body = await answer.json();
    if (answer.ok) await start(body, token);
    else note.textContent = body.detail;
  } catch (error) {
    note.textContent = `The gateway did not answer: ${error.message}`;
  }
});

async function start(spec, token) {
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = "/swagger/swagger-ui.css";
  document.head.append(style);
  await load("/swagger/swagger-ui-bundle.js");
  document.querySelector("main").remove();
  // Swagger UI's own colours are made for a light page.
  document.documentElement.style.colorScheme = "light";
  const options = JSON.parse(document.body.dataset.options);
  const ui = SwaggerUIBundle({
    ...options,
    spec,
    dom_id: "#swagger-ui",
    onComplete: () => ui.preauthorizeApiKey("adminToken", token),
  });
}

function load(source) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = source;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${source} did not load`));
    document.head.append(script);
  });
}
