/** Rows as CSV (RFC 4180). Pure. */

/**
 * A cell that a spreadsheet would take for a formula is quoted by an apostrophe: ids and messages come from the network.
 * @param {(string | number | undefined)[][]} rows
 */
export function csv(rows) {
  const cell = (/** @type {string | number | undefined} */ value) => {
    const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value ?? '');
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}
