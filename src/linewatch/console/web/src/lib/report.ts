// A report's JSON as rows and columns to show: counts as ranges, rates with their intervals, shares of unwatched time.

export interface ReportTable {
  columns: { name: string; numeric: boolean }[];
  rows: string[][];
  hasTotal: boolean;
  notes: string[];
  as_of_ms: number | null;
}

type Row = Record<string, unknown>;

const number = (value: unknown, digits = 0): string => (typeof value === 'number' ? value.toFixed(digits) : '–');

function range(low: unknown, high: unknown, digits = 0): string {
  if (typeof low !== 'number' || typeof high !== 'number') return '–';
  return low === high ? number(low, digits) : `${number(low, digits)}–${number(high, digits)}`;
}

function withInterval(value: unknown, low: unknown, high: unknown): string {
  return typeof value === 'number' ? `${number(value, 2)} (${range(low, high, 2)})` : '–';
}

function unwatched(row: Row): string {
  const [all, none] = [row.metre_hours, row.unwatched_metre_hours];
  if (typeof all !== 'number' || typeof none !== 'number' || all === 0) return '–';
  return `${((100 * none) / all).toFixed(1)} %`;
}

const FIGURES: [string, (row: Row) => string][] = [
  ['attempts', (r) => number(r.attempts)],
  ['persons', (r) => range(r.persons_low, r.persons_high)],
  ['returns', (r) => number(r.returns)],
  ['incidents', (r) => number(r.incidents)],
  ['nuisance', (r) => number(r.nuisance)],
  ['detections', (r) => number(r.detections)],
  ['rate', (r) => withInterval(r.rate, r.rate_low, r.rate_high)],
  ['corrected', (r) => withInterval(r.corrected, r.corrected_low, r.corrected_high)],
  ['unwatched', unwatched],
];

/** Reads a report as the server tells it. Throws where it has no table. */
export function figures(report: Record<string, unknown>): ReportTable {
  const table = (report.table ?? report) as { by?: string[]; rows?: Row[]; total?: Row; assumption?: string };
  if (!Array.isArray(table.rows)) throw new Error('the report holds no table');
  const by = table.by ?? [];
  const keysOf = (row: Row): string[] => by.map((name) => String((row.keys as Row | undefined)?.[name] ?? row[name] ?? ''));
  const rows = table.rows.map((row) => [...keysOf(row), ...FIGURES.map(([, show]) => show(row))]);
  if (table.total && rows.length > 0) rows.push([...by.map((_, i) => (i === 0 ? 'Σ' : '')), ...FIGURES.map(([, show]) => show(table.total!))]);
  const as_of = report.as_of_ms ?? (typeof report.as_of_ns === 'number' ? report.as_of_ns / 1e6 : null);
  return {
    columns: [...by.map((name) => ({ name, numeric: false })), ...FIGURES.map(([name]) => ({ name, numeric: true }))],
    rows,
    hasTotal: Boolean(table.total),
    notes: table.assumption ? [table.assumption] : [],
    as_of_ms: typeof as_of === 'number' ? as_of : null,
  };
}

/** RFC 4180. */
export function csvOf(table: ReportTable): string {
  const cell = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return [table.columns.map((c) => c.name), ...table.rows].map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n';
}
