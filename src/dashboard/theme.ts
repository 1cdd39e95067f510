// Light or dark: the system's choice until a person chooses, and that choice is remembered here.

import { effect, signal } from "@preact/signals";

const KEY = "gateway-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

const chosen = signal(localStorage.getItem(KEY));
const systemDark = signal(system.matches);
system.addEventListener("change", () => (systemDark.value = system.matches));

export function isDark(): boolean {
  return chosen.value === null ? systemDark.value : chosen.value === "dark";
}

export function toggleTheme(): void {
  chosen.value = isDark() ? "light" : "dark";
  localStorage.setItem(KEY, chosen.value);
}

effect(() => {
  document.documentElement.dataset["theme"] = isDark() ? "dark" : "light";
});

/** The colour that a CSS variable stands for now: a canvas does not know variables. */
export function colour(variable: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(variable).trim();
}
