/** Rows as CSV (RFC 4180). Pure. */

/**
 * A cell that a spreadsheet would take for a formula is quoted by an apostrophe: ids and messages come from the network.
 */
export function csv(rows: (string | number | undefined)[][]) {
  const cell = (value: string | number | undefined) => {
    const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value ?? '');
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}
