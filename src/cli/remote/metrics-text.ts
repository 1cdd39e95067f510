// Reads the numbers of `/-/metrics` (Prometheus text format 0.0.4) that the commands show. Pure.

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

export class Metrics {
  readonly #samples = new Map<string, Sample[]>();

  constructor(text: string) {
    for (const line of text.split("\n")) {
      const match = LINE.exec(line);
      if (!match) continue;
      const [, name, labels = "", value] = match;
      const entries = [...labels.matchAll(LABEL)].map(([, label, quoted]) => [label!, quoted!]);
      const sample = {
        labels: Object.fromEntries(entries) as Record<string, string>,
        value: Number(value),
      };
      const samples = this.#samples.get(name!);
      if (samples) samples.push(sample);
      else this.#samples.set(name!, [sample]);
    }
  }

  of(name: string): readonly Sample[] {
    return this.#samples.get(name) ?? [];
  }

  /** Over all samples that have these labels; 0 when there are none. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const wanted = Object.entries(labels);
    return this.of(name)
      .filter((sample) => wanted.every(([label, value]) => sample.labels[label] === value))
      .reduce((sum, { value }) => sum + value, 0);
  }
}
