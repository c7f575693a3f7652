// monitor.js - runs in the monitor page: asks for monitor.json every 5 s, draws the charts, writes the figures anew.
// What comes from nxb is only ever put in as text. SPDX-License-Identifier: MIT
'use strict';
(() => {
  const kEvery = 5000, kSpans = [36, 90, 180], kWidth = 600, kHeight = 100;
  const kCharts = [
    ['Sessions and streams', '', ['sessions', 'sessions'], ['streams', 'streams']],
    ['Requests', '/s', ['requests', 'requests']],
    ['Messages', '/s', ['stanzas_from_clients', 'from clients'], ['stanzas_to_clients', 'to clients']],
    ['Delivery latency', ' ms', ['delivery_p50_ms', 'median'], ['delivery_p95_ms', '95 %']],
    ['Connections', '', ['connections', 'connections']],
    ['Errors', '/s', ['errors', 'protocol'], ['streams_failed', 'streams failed']],
  ];
  const byId = (id) => document.getElementById(id);
  const svgNode = (name, attributes) => {
    const node = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return node;
  };
  const node = (name, className, ...children) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...children);
    return made;
  };
  const shown = (value, unit) => (value === null || value === undefined ? '–' : `${value >= 100 ? Math.round(value) : Math.round(value * 10) / 10}${unit}`);
  // The least of 1, 2, 5, 10, ... that is not below.
  const ceiling = (value) => {
    const power = 10 ** Math.floor(Math.log10(value));
    return [1, 2, 5, 10].map((step) => step * power).find((limit) => limit >= value) ?? value;
  };

  class Chart {
    constructor([title, unit, ...series]) {
      Object.assign(this, { unit, series, points: [], at: null });
      this.values = series.map(() => node('b'));
      this.legend = node('p', 'legend', ...series.map(([, name], i) => node('span', '', node('i'), `${name} `, this.values[i])));
      this.svg = svgNode('svg', { viewBox: `0 0 ${kWidth} ${kHeight}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': title });
      this.top = node('span', 'top');
      this.empty = node('p', 'empty');
      this.left = node('span', '', '15 min ago');
      this.right = node('span', '', 'now');
      this.card = node('div', 'card', node('h2', '', title), this.legend, node('div', 'plot', this.svg, this.top, this.empty),
        node('p', 'times', this.left, this.right));
      this.svg.addEventListener('pointermove', (event) => this.point(event));
      this.svg.addEventListener('pointerleave', () => { this.at = null; this.draw(); });
    }

    // How many points there is room for: a young nxb has no quarter of an hour to show.
    get span() {
      return kSpans.find((span) => span >= (this.points[0]?.length ?? 0)) ?? kSpans.at(-1);
    }

    point(event) {
      const box = this.svg.getBoundingClientRect();
      const slot = Math.round((event.clientX - box.left) / box.width * (this.span - 1));
      const count = this.points[0]?.length ?? 0;
      this.at = Math.min(Math.max(slot - (this.span - count), 0), count - 1);
      this.draw();
    }

    show(history) {
      this.points = this.series.map(([name]) => history[name] ?? []);
      this.draw();
    }

    draw() {
      const count = this.points[0]?.length ?? 0;
      const { span } = this;
      const x = (i) => (span - count + i) / (span - 1) * kWidth;
      const highest = Math.max(0, ...this.points.flat().filter((value) => value !== null));
      const limit = highest > 0 ? ceiling(highest) : 1;
      const y = (value) => kHeight - value / limit * kHeight;
      const some = this.points.flat().some((value) => value !== null);
      const at = this.at === null || this.at >= count ? count - 1 : this.at;
      const parts = [svgNode('line', { x1: 0, x2: kWidth, y1: kHeight, y2: kHeight }), svgNode('line', { x1: 0, x2: kWidth, y1: 0, y2: 0 })];
      if (this.points.length === 1 && count > 1) {
        parts.push(svgNode('path', { class: 'area', d: `M${x(0)} ${kHeight}${this.points[0].map((value, i) => `L${x(i)} ${y(value ?? 0)}`).join('')}L${x(count - 1)} ${kHeight}Z` }));
      }
      this.points.forEach((points, line) => parts.push(svgNode('path', { class: line ? 'two' : 'one', d: this.path(points, x, y) })));
      if (this.at !== null && count) parts.push(svgNode('line', { class: 'at', x1: x(at), x2: x(at), y1: 0, y2: kHeight }));
      this.svg.replaceChildren(...parts);
      this.points.forEach((points, i) => (this.values[i].textContent = shown(points[at], this.unit)));
      this.top.textContent = some ? `${limit}${this.unit}` : '';
      this.empty.textContent = count === 0 ? 'The first point comes in a few seconds.' : some ? '' : 'Nothing was delivered yet.';
      this.left.textContent = `${span * kEvery / 60000} min ago`;
      const seconds = (count - 1 - at) * kEvery / 1000;
      this.right.textContent = this.at === null || !seconds ? 'now' : `${Math.floor(seconds / 60)} min ${seconds % 60} s ago`;
    }

    // A gap stays a gap; a point alone is a dash.
    path(points, x, y) {
      let d = '';
      points.forEach((value, i) => {
        if (value === null) return;
        const goesOn = i > 0 && points[i - 1] !== null;
        d += `${goesOn ? 'L' : 'M'}${x(i).toFixed(1)} ${y(value).toFixed(2)}`;
        if (!goesOn && (points[i + 1] ?? null) === null) d += 'h-4';
      });
      return d;
    }
  }

  const bars = (list, rows, nothing) => {
    list.replaceChildren(...rows.map(([name, count, share]) => {
      const svg = svgNode('svg', { viewBox: '0 0 100 1', preserveAspectRatio: 'none', 'aria-hidden': 'true' });
      svg.append(svgNode('rect', { width: share, height: 1 }));
      const item = node('li', '', node('span', '', name), node('span', '', count));
      item.append(svg);
      return item;
    }));
    list.parentNode.querySelector('.none')?.remove();
    if (!rows.length) list.after(node('p', 'none', nothing));
  };
  const notices = (texts) => {
    const now = [...byId('notices').children].map((item) => item.textContent);
    if (now.join('\n') !== texts.join('\n')) byId('notices').replaceChildren(...texts.map((text) => node('li', '', text)));
  };

  const charts = kCharts.map((chart) => new Chart(chart));
  byId('charts').append(...charts.map((chart) => chart.card));
  byId('charts').hidden = false;
  const columns = [...document.querySelectorAll('.workers th')].map((head) => head.textContent);

  const show = (figures) => {
    byId('uptime').textContent = `Uptime: ${figures.uptime}`;
    byId('state').textContent = figures.state;
    notices(figures.notices);
    byId('tiles').replaceChildren(...figures.tiles.map(([value, caption]) => node('li', '', node('strong', '', value), node('span', '', caption))));
    byId('workers').replaceChildren(...figures.workers.map((cells) => node('tr', '', ...cells.map((text, i) => {
      const cell = node('td', '', text);
      cell.dataset.of = columns[i];
      return cell;
    }))));
    bars(byId('ends'), figures.ends, 'None has ended yet.');
    bars(byId('failures'), figures.failures, 'No stream has failed.');
    byId('connect').textContent = figures.connect;
    if (figures.supervisor) for (const chart of charts) chart.show(figures.supervisor.history.series);
    document.documentElement.dataset.refreshed = String(Number(document.documentElement.dataset.refreshed ?? 0) + 1);
  };

  let last = new Date();
  const refresh = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch('monitor.json', { cache: 'no-store', signal: AbortSignal.timeout(kEvery) });
      if (!answer.ok) throw new Error(String(answer.status));
      show(await answer.json());
      last = new Date();
    } catch {
      notices([`nxb does not answer; the figures are of ${last.toLocaleTimeString()}.`]);
    }
  };
  refresh();
  setInterval(refresh, kEvery);
  document.addEventListener('visibilitychange', refresh);
})();
