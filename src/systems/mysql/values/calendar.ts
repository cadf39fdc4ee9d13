const daysOf = Object.freeze([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]);

/** Whether other systems have this day. A year 0 is in no other calendar. */
export function isInCalendar(year: number, month: number, day: number): boolean {
  if (year < 1 || month < 1 || day < 1) return false;
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= (month === 2 && isLeap ? 29 : (daysOf[month - 1] ?? 0));
}
