/** A password may hold an `@` of its own: the last one before the host's end is the one that counts. */
const urlPassword = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s@]*@(?:[^\s/?#@"',]*@)*/gi;
const keyValue = /\b(password|passfile|sslpassword|secret|token)\s*=\s*('(?:[^'\\]|\\.)*'|[^\s]+)/gi;

/** The text with passwords in URLs and in key=value connection strings replaced by `***`. For everything that is printed, logged or journalled. */
export function redact(text: string): string {
  return text.replace(urlPassword, '$1***@').replace(keyValue, '$1=***');
}
