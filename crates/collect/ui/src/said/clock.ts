/** Moments as a reader wants them: local, short, and in UTC where asked. Pure. */

/** Swedish writes day and time as ISO 8601 does. */
const TIME = new Intl.DateTimeFormat('sv', { timeStyle: 'medium' });
const DAY = new Intl.DateTimeFormat('sv', { dateStyle: 'short' });

/** Local time, with the date unless it is that of `now`. */
export function local(moment: string | number, now: string | number) {
  const [day, today] = [moment, now].map((at) => DAY.format(new Date(at)));
  const time = TIME.format(new Date(moment));
  return day === today ? time : `${day} ${time}`;
}

export const utc = (moment: string | number) => new Date(moment).toISOString().slice(0, 19).replace('T', ' ');

/** Whole seconds from `moment` to `now`; a clock that runs ahead counts as none. */
export const seconds = (moment: string | number, now: number) => Math.max(0, Math.round((now - new Date(moment).getTime()) / 1000));
