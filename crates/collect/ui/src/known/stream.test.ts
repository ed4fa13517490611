import assert from 'node:assert/strict';
import test from 'node:test';
import { follow } from './stream';

/** A browser with one stream at a time, and a clock that only moves when told. */
function browser() {
  let now = 0;
  let timers: { due: number, run: () => void }[] = [];
  const opened: FakeSource[] = [];
  const document = Object.assign(new EventTarget(), { hidden: false });

  class FakeSource extends EventTarget {
    url: string;
    closed = false;
    onerror = () => {};

    constructor(url: string) {
      super();
      this.url = url;
      opened.push(this);
    }

    close() {
      this.closed = true;
    }

    send(name: string, data: string = '{}') {
      this.dispatchEvent(Object.assign(new Event(name), { data }));
    }
  }

  const env: any = {
    EventSource: FakeSource,
    document,
    setTimeout: (run: () => void, ms: number) => {
      const timer = { due: now + ms, run };
      timers.push(timer);
      return timer;
    },
    clearTimeout: (timer: any) => {
      timers = timers.filter((other) => other !== timer);
    },
  };
  return {
    env,
    opened,
    last: () => opened[opened.length - 1],
    pass(ms: number) {
      for (const end = now + ms; ;) {
        const next = timers.sort((a, b) => a.due - b.due)[0];
        if (!next || next.due > end) {
          now = end;
          return;
        }
        now = next.due;
        env.clearTimeout(next);
        next.run();
      }
    },
    hide(hidden: boolean) {
      document.hidden = hidden;
      document.dispatchEvent(new Event('visibilitychange'));
    },
    open: () => opened.filter((source) => !source.closed).length,
  };
}

function start(take: (event: any) => boolean = () => true) {
  const b = browser();
  const log = { lost: 0, events: ([] as any[]) };
  follow('events', (event) => {
    log.events.push(event);
    return take(event);
  }, () => {
    log.lost += 1;
  }, b.env);
  log.lost = 0;
  return { b, log };
}

test('events reach their taker with their names', () => {
  const { b, log } = start();
  b.last().send('snapshot', '{"seq":1}');
  b.last().send('patch', '{"seq":2,"event":"patch"}');
  assert.deepEqual(log.events, [{ event: 'snapshot', seq: 1 }, { event: 'patch', seq: 2 }]);
  assert.equal(b.last().url, 'events');
});

test('a stream that is heard every two seconds is kept', () => {
  const { b, log } = start();
  for (let i = 0; i < 60; i += 1) {
    b.last().send('heartbeat');
    b.pass(2000);
  }
  assert.deepEqual([b.opened.length, log.lost], [1, 0]);
});

test('five seconds of silence are a loss, and a second later there is a new stream', () => {
  const { b, log } = start();
  b.last().send('snapshot');
  b.pass(4999);
  assert.deepEqual([b.open(), log.lost], [1, 0]);
  b.pass(1);
  assert.deepEqual([b.open(), log.lost], [0, 1]);
  b.pass(999);
  assert.equal(b.opened.length, 1);
  b.pass(1);
  assert.deepEqual([b.opened.length, b.open()], [2, 1]);
});

test('a stream that never says anything is given up as well, for ever', () => {
  const { b } = start();
  b.pass(60_000);
  assert.deepEqual([b.opened.length, b.open()], [11, 1]);
});

test('an error is a loss at once, and leads to a new stream a second later', () => {
  const { b, log } = start();
  for (let i = 1; i <= 100; i += 1) {
    b.last().onerror();
    assert.deepEqual([b.open(), log.lost], [0, i]);
    b.pass(1000);
    assert.deepEqual([b.opened.length, b.open()], [i + 1, 1]);
  }
});

test('an event that does not follow leads to a new stream', () => {
  const { b, log } = start((event) => event.event !== 'patch');
  b.last().send('snapshot');
  b.last().send('patch');
  assert.deepEqual([b.open(), log.lost], [0, 1]);
  b.pass(1000);
  assert.equal(b.open(), 1);
});

test('an event that cannot be read leads to a new stream', (t) => {
  const told = t.mock.method(console, 'error', ((() => {}) as any));
  const { b } = start(() => {
    throw new TypeError('no such node');
  });
  b.last().send('snapshot', 'not JSON');
  b.pass(1000);
  b.last().send('snapshot');
  b.pass(1000);
  assert.deepEqual([b.opened.length, b.open(), told.mock.callCount()], [3, 1, 2]);
});

test('a hidden page has no stream, and one that is seen again has one at once', () => {
  const { b, log } = start();
  b.hide(true);
  assert.deepEqual([b.open(), log.lost], [0, 1]);
  b.pass(60_000);
  assert.equal(b.opened.length, 1);
  b.hide(false);
  assert.deepEqual([b.opened.length, b.open()], [2, 1]);
  b.last().onerror();
  b.hide(true);
  b.pass(60_000);
  assert.equal(b.open(), 0, 'a new stream was opened behind a hidden page');
});
