// Keeps the list as the service has it, and says at every moment whether it does. Without this script the page reloads
// itself instead.
'use strict';

(() => {
  // Whatever the stream says or does not say: an event may be held back, and times on the page pass.
  const CHECK_EVERY = 15_000;
  // A burst of events is one look at the list.
  const AT_MOST_EVERY = 1_000;
  const PATIENCE = 10_000;
  const COME_AGAIN = 5_000;
  const NEWS_STAYS = 60_000;

  const part = (id) => document.getElementById(id);

  // Makes `old` say what `fresh` says and touches only what differs: focus, selection and a reader's place stay.
  function morph(old, fresh) {
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    const keyed = (element) => [...element.children].filter((child) => child.dataset.key);
    const kept = new Map(keyed(old).map((child) => [child.dataset.key, child]));
    const wanted = new Set(keyed(fresh).map((child) => child.dataset.key));
    for (const [key, child] of kept) {
      if (!wanted.has(key)) child.remove();
    }
    let place = old.firstChild;
    for (const one of fresh.childNodes) {
      const key = one.dataset?.key;
      const isAlike = place && !place.dataset?.key && place.nodeName === one.nodeName;
      const same = key ? kept.get(key) : isAlike ? place : undefined;
      if (!same) {
        old.insertBefore(document.importNode(one, true), place);
        continue;
      }
      if (same === place) place = place.nextSibling;
      else old.insertBefore(same, place);
      if (same.nodeType === Node.ELEMENT_NODE) morph(same, one);
      else if (same.data !== one.data) same.data = one.data;
    }
    while (place) {
      const next = place.nextSibling;
      place.remove();
      place = next;
    }
  }

  // Alerts of one severity, by id, each with whose it is.
  function alerts(list, severity) {
    const found = new Map();
    for (const row of list.querySelectorAll('[data-key]')) {
      for (const id of row.dataset[severity].split(' ').filter(Boolean)) found.set(id, row.dataset.name);
    }
    return found;
  }

  // Who reads further down goes on reading there, whatever is put above; at the top of the page the worst comes into sight.
  function steadily(change) {
    const rows = scrollY > 0 ? [...part('list').querySelectorAll('[data-key]')] : [];
    const anchor = rows.find((row) => row.getBoundingClientRect().bottom > 0);
    const top = anchor?.getBoundingClientRect().top;
    change();
    if (anchor?.isConnected) scrollBy(0, anchor.getBoundingClientRect().top - top);
  }

  function tell(id, text) {
    const region = part(id);
    region.textContent = text;
    clearTimeout(region.fading);
    region.fading = setTimeout(() => steadily(() => { region.textContent = ''; }), NEWS_STAYS);
  }

  function tellNews(id, severity, before, after) {
    const names = [...after].filter(([alert]) => !before.has(alert)).map(([, name]) => name);
    if (names.length === 0) return;
    tell(id, `${names.length} new ${severity} ${names.length === 1 ? 'alert' : 'alerts'}: ${names.join(', ')}.`);
  }

  function swap(html) {
    const fresh = new DOMParser().parseFromString(html, 'text/html').getElementById('list');
    if (!fresh) throw new Error('the answer holds no list');
    const old = part('list');
    // Somebody else has signed in meanwhile, or the service is another version.
    if (old.dataset.page !== fresh.dataset.page) {
      location.reload();
      return;
    }
    const [reds, ambers] = [alerts(old, 'red'), alerts(old, 'amber')];
    const held = old.contains(document.activeElement) ? document.activeElement : undefined;
    morph(old, fresh);
    if (held && held !== document.activeElement) {
      (held.isConnected ? held : part('heading')).focus({ preventScroll: true });
    }
    document.title = fresh.dataset.title;
    tellNews('told-now', 'red', reds, alerts(old, 'red'));
    tellNews('told-politely', 'amber', ambers, alerts(old, 'amber'));
  }

  let connected = false;
  let failing = false;

  function sayHowLive() {
    const { at, title } = part('list').dataset;
    const state = failing ? 'lost' : connected ? 'live' : 'checked';
    const line = part('liveness');
    const before = line.dataset.state;
    line.dataset.state = state;
    const said = part('liveness-said');
    if (state === 'live') said.textContent = `Live, last checked ${at}`;
    if (state === 'checked') said.textContent = `Checked every 15 seconds, last at ${at}`;
    if (state === 'lost') said.textContent = `Not live since ${at.replace(/:\d\d($| )/, '$1')}:`;
    part('liveness-reload').hidden = state !== 'lost';
    if (state === 'lost') {
      // What it says of monitoring is old too; the next list that comes says it anew.
      part('list').dataset.stale = '';
      document.title = `Not live: ${title}`;
      if (before !== 'lost') tell('told-now', 'The worklist is not live any more: new alerts cannot be seen here.');
    } else if (before === 'lost') {
      tell('told-now', 'The worklist is live again.');
    }
  }

  let timer;
  let due = 0;
  let running = false;
  let again = false;
  let last = -AT_MOST_EVERY;

  function checkSoon(wait) {
    if (running) {
      again = true;
      return;
    }
    const at = Math.max(performance.now() + wait, last + AT_MOST_EVERY);
    if (timer && due <= at) return;
    clearTimeout(timer);
    due = at;
    timer = setTimeout(check, at - performance.now());
  }

  async function check() {
    timer = undefined;
    running = true;
    again = false;
    last = performance.now();
    const ending = new AbortController();
    const patience = setTimeout(() => ending.abort(), PATIENCE);
    try {
      const answer = await fetch('/worklist', { cache: 'no-store', signal: ending.signal });
      if (answer.status === 401) {
        location.assign('/sign-in');
        return;
      }
      if (!answer.ok) throw new Error(`answered ${answer.status}`);
      const html = await answer.text();
      steadily(() => {
        swap(html);
        failing = false;
        sayHowLive();
      });
    } catch {
      failing = true;
      steadily(sayHowLive);
    } finally {
      clearTimeout(patience);
      running = false;
    }
    checkSoon(again ? 0 : CHECK_EVERY);
  }

  function listen() {
    const stream = new EventSource('/api/v1/stream?types=alert,visit');
    stream.onopen = () => {
      connected = true;
      steadily(sayHowLive);
    };
    stream.onerror = () => {
      connected = false;
      // A look at the list tells what it is: the network, the service, or the end of the sign-in.
      checkSoon(0);
      // Refused it does not come again by itself.
      if (stream.readyState === EventSource.CLOSED) setTimeout(listen, COME_AGAIN * (1 + Math.random()));
    };
    // Everybody hears of it at once; they need not all ask at once.
    for (const type of ['alert', 'visit', 'service']) {
      stream.addEventListener(type, () => checkSoon(Math.random() * 200));
    }
  }

  sayHowLive();
  listen();
  checkSoon(CHECK_EVERY);
})();
