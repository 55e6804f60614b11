"use strict";
(() => {
  const plots = JSON.parse(document.getElementById("data").textContent);
  const element = (id) => document.getElementById(id);
  const EVERY = 1000;  // milliseconds from one look to the next
  const AWAY = 60;  // seconds without rows after which a machine counts as silent
  let token = sessionStorage.getItem("seqae token") || "";
  let chosen = null;  // {model, machine}
  let channel = null;  // the one that was chosen by hand
  let drawn = null;  // {kind, find} of the plots on the page
  let isPaused = false;
  let picked = null;  // the first row of the event whose contributions are shown

  async function ask(path) {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const answer = await fetch(path, { headers, cache: "no-store" });
    if (answer.status === 401) throw new Error("token");
    const content = await answer.json();
    if (!answer.ok) throw Object.assign(new Error(content.detail), { status: answer.status });
    return content;
  }

  const of = ({ model, machine }) => `/models/${encodeURIComponent(model)}/machines/${encodeURIComponent(machine)}`;
  const isSame = (one, other) => one && other && one.model === other.model && one.machine === other.machine;
  const ratio = (value) => value === null ? "" : value.toFixed(2);
  const moment = (text) => text === null ? "" : /^\d{4}-/.test(text) ? text.replace("T", " ").slice(0, 19) : `${text} s`;

  function cells(row, texts) {
    row.replaceChildren(...texts.map((text) => {
      const cell = document.createElement("td");
      cell.textContent = text;
      return cell;
    }));
    return row;
  }

  function isSilent(machine) { return Date.now() / 1000 - machine.latest > AWAY; }

  async function machinesOf() {
    const { models } = await ask("/models");
    const lists = await Promise.all(models.map(({ name }) => ask(`/models/${encodeURIComponent(name)}/machines`)));
    return lists.flatMap(({ machines }) => machines);
  }

  function showMachines(machines) {
    const several = new Set(machines.map(({ model }) => model)).size > 1;
    element("machines").replaceChildren(...machines.map((each) => {
      const row = cells(document.createElement("tr"), [
        several ? `${each.model} / ${each.machine}` : each.machine, each.rows.toLocaleString("en"),
        isSilent(each) ? "silent" : ratio(each.threshold_ratio)]);
      row.classList.toggle("chosen", isSame(each, chosen));
      row.lastChild.classList.toggle("high", each.threshold_ratio > 1);
      row.tabIndex = 0;
      row.setAttribute("role", "button");
      row.onclick = () => choose(each);
      row.onkeydown = (key) => ["Enter", " "].includes(key.key) && (key.preventDefault(), choose(each));
      return row;
    }));
  }

  function choose({ model, machine }) {
    chosen = { model, machine };
    channel = picked = drawn = null;
    look();
  }

  function showFacts(live) {
    element("title").textContent = live.machine;
    document.title = `${live.threshold_ratio > 1 ? "ALARM " : ""}${live.machine}`;
    const state = isSilent(live) ? ["silent", "away"] : live.threshold_ratio > 1 ? ["alarm", "alarm"] : ["normal", ""];
    const facts = [[live.model, "model"], [live.rows.toLocaleString("en"), "rows"],
      [ratio(live.threshold_ratio), "score / threshold"], [live.events.length, live.events.length === 1 ? "event" : "events"]];
    const badge = document.createElement("li");
    badge.innerHTML = "<span class=state></span>";
    badge.firstChild.textContent = state[0];
    badge.firstChild.className = `state ${state[1]}`;
    element("facts").replaceChildren(badge, ...facts.map(([value, name]) => {
      const item = document.createElement("li");
      item.innerHTML = "<b></b> <span></span>";
      item.firstChild.textContent = value;
      item.lastChild.textContent = name;
      return item;
    }));
  }

  function rowOf(alarm) {
    const row = cells(document.createElement("tr"), [alarm.since, alarm.state, alarm.severity]);
    const detail = document.createElement("tr");
    const chips = document.createElement("td");
    chips.colSpan = 3;
    chips.replaceChildren(...alarm.channels.map(([name, fraction]) => {
      const chip = document.createElement("span");
      chip.className = "chip";
      chip.innerHTML = "<span></span> <b></b>";
      chip.firstChild.textContent = name;
      chip.lastChild.textContent = fraction === null ? "" : `${(100 * fraction).toFixed(0)} %`;
      return chip;
    }));
    detail.append(chips);
    const body = document.createElement("tbody");
    body.append(row, detail);
    body.tabIndex = 0;
    body.setAttribute("role", "button");
    body.classList.toggle("chosen", alarm.key === picked);
    body.onclick = () => { picked = alarm.key === picked ? null : alarm.key; channel = alarm.channels[0][0]; look(); };
    body.onkeydown = (key) => ["Enter", " "].includes(key.key) && (key.preventDefault(), body.onclick());
    return body;
  }

  function alarmsOf(live) {
    const ended = live.events.map((event) => ({
      key: event.start, row: event.peak, state: "ended", severity: event.severity.toFixed(2),
      since: moment(event.start_time) || `row ${event.start}`,
      channels: Object.entries(event.channels).filter(([, fraction]) => fraction > 0.005).slice(0, 3),
    }));
    const last = Math.max(-1, ...live.events.map((event) => event.stop));
    const open = live.alerts.filter((alert) => alert.row >= last).map((alert) => ({
      key: -1 - alert.row, row: alert.row, state: "alert", severity: (alert.score / live.threshold).toFixed(2),
      since: moment(alert.time) || `row ${alert.row}`, channels: [[alert.channel, null]],
    }));
    return [...ended, ...open].sort((one, other) => other.row - one.row);
  }

  function showAlarms(live) {
    const alarms = alarmsOf(live);
    element("quiet").hidden = alarms.length > 0;
    element("found").hidden = !alarms.length;
    element("whose").textContent = `of ${live.machine}`;
    element("found").querySelectorAll("tbody").forEach((body) => body.remove());
    element("found").append(...alarms.map(rowOf));
    element("drifts").replaceChildren(...live.drifts.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }));
  }

  function showContributions(live) {
    const event = live.events.find((each) => each.start === picked) ?? live.events.at(-1);
    const shares = event ? Object.entries(event.channels) : live.contributions;
    const largest = Math.max(...shares.map(([, fraction]) => fraction), 1e-9);
    element("contributed").textContent = event
      ? `to the event of ${moment(event.start_time) || `row ${event.start}`}` : "to the latest final scores";
    element("contributions").replaceChildren(...shares.slice(0, 10).map(([name, fraction]) => {
      const bar = document.createElement("button");
      bar.className = "bar";
      bar.innerHTML = "<span></span><i></i><b></b>";
      const [label, line, value] = bar.children;
      label.textContent = label.title = name;
      line.style.width = `${100 * fraction / largest}%`;
      value.textContent = `${(100 * fraction).toFixed(0)} %`;
      bar.onclick = () => { channel = name; look(); };
      return bar;
    }));
  }

  function showChannels(live) {
    const list = element("channels");
    if (list.options.length !== live.channels.length || [...list.options].some((each, at) => each.value !== live.channels[at])) {
      list.replaceChildren(...live.channels.map((name) => new Option(name, name)));
    }
    if (document.activeElement !== list) list.value = live.channel;
  }

  async function draw(live) {
    if (drawn === null || drawn.kind !== live.kind || drawn.of !== of(live)) {
      element("plots").replaceChildren();
      const views = await Bokeh.embed.embed_item(structuredClone(plots[live.kind]), "plots");
      const found = views.roots[0].model.document;
      drawn = { kind: live.kind, of: of(live), find: (name) => found.get_model_by_name(name) };
    }
    const { signal, score, provisional, alarms } = live.drawn;
    for (const [name, data] of Object.entries({ signal, score, provisional, alarms })) drawn.find(name).data = data;
    drawn.find("threshold").location = live.threshold;
    drawn.find("channel").left[0].axis_label = live.unit ? `${live.channel} [${live.unit}]` : live.channel;
    const places = signal.x;
    if (places.length > 1) drawn.find("time").setv({ start: places[0], end: places[places.length - 1] });
  }

  async function show(machines) {
    element("gate").hidden = true;
    element("main").hidden = machines.length === 0;
    element("say").hidden = machines.length > 0;
    element("say").textContent = "No rows have come yet. Send some: POST /models/NAME/machines/MACHINE/rows";
    if (!machines.length) return;
    if (!machines.some((each) => isSame(each, chosen))) {
      const { model, machine } = machines.reduce((one, other) => other.threshold_ratio > one.threshold_ratio ? other : one);
      chosen = { model, machine };
    }
    showMachines(machines);
    const asked = chosen;
    const live = await ask(`${of(asked)}/live${channel === null ? "" : `?channel=${encodeURIComponent(channel)}`}`);
    if (!isSame(asked, chosen)) return;
    showFacts(live);
    showAlarms(live);
    showContributions(live);
    showChannels(live);
    await draw(live);
    document.body.dataset.ready = "yes";
  }

  let looking = null;  // one look at a time
  async function look() {
    while (looking) await looking;
    looking = (async () => {
      try {
        await show(await machinesOf());
      } catch (error) {
        if (error.message === "token") {
          element("gate").hidden = false;
          element("main").hidden = true;
          element("say").hidden = true;
          element("wrong").textContent = token ? "That was another one." : "";
        } else {
          element("say").hidden = false;
          element("say").textContent = error.status ? error.message : "The server does not answer. Trying again …";
        }
      }
    })();
    await looking;
    looking = null;
  }

  element("gate").onsubmit = (event) => {
    event.preventDefault();
    token = element("token").value.trim();
    sessionStorage.setItem("seqae token", token);
    look();
  };
  element("channels").onchange = (change) => { channel = change.target.value; look(); };
  element("pause").onclick = () => {
    isPaused = !isPaused;
    element("pause").textContent = isPaused ? "go on" : "pause";
    element("pause").setAttribute("aria-pressed", String(isPaused));
  };
  setInterval(() => { if (!isPaused && !looking && !document.hidden && element("gate").hidden) look(); }, EVERY);
  look();
})();
