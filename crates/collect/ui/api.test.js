import assert from 'node:assert/strict';
import test from 'node:test';
import { follow } from './api.js';

/** A browser with one stream at a time, and a clock that only moves when told. */
function browser() {
  let now = 0;
  /** @type {{ due: number, run: () => void }[]} */
  let timers = [];
  /** @type {FakeSource[]} */
  const opened = [];
  const document = Object.assign(new EventTarget(), { hidden: false });

  class FakeSource extends EventTarget {
    /** @param {string} url */
    constructor(url) {
      super();
      this.url = url;
      this.closed = false;
      this.onerror = () => {};
      opened.push(this);
    }

    close() {
      this.closed = true;
    }

    /**
     * @param {string} name
     * @param {string} data
     */
    send(name, data = '{}') {
      this.dispatchEvent(Object.assign(new Event(name), { data }));
    }
  }

  /** @type {any} */
  const env = {
    EventSource: FakeSource,
    document,
    setTimeout: (/** @type {() => void} */ run, /** @type {number} */ ms) => {
      const timer = { due: now + ms, run };
      timers.push(timer);
      return timer;
    },
    clearTimeout: (/** @type {any} */ timer) => {
      timers = timers.filter((other) => other !== timer);
    },
  };
  return {
    env,
    opened,
    last: () => opened[opened.length - 1],
    /** @param {number} ms */
    pass(ms) {
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
    /** @param {boolean} hidden */
    hide(hidden) {
      document.hidden = hidden;
      document.dispatchEvent(new Event('visibilitychange'));
    },
    open: () => opened.filter((source) => !source.closed).length,
  };
}

/**
 * @param {(event: any) => boolean} take
 */
function start(take = () => true) {
  const b = browser();
  const log = { lost: 0, events: /** @type {any[]} */ ([]) };
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
  const told = t.mock.method(console, 'error', /** @type {any} */ (() => {}));
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
