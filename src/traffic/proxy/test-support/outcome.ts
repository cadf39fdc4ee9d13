/** How a query ended: `done`, or the SQLSTATE of its error. */
export async function outcome(query: Promise<unknown>): Promise<string> {
  try {
    await query;
    return 'done';
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
}
