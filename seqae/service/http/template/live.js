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

  const said = {};  // by model: {count, entries}, what operators have said
  let isKept = {};  // by model: how often something was said or taken back; null where nothing can be said
  let saying = null;  // {path, body, needs} of the form that is open
  let shown = "";  // the alarms and the feedback on the page

  async function ask(path, body) {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const sent = body ? { method: "POST", body: JSON.stringify(body) } : {};
    if (body) headers["Content-Type"] = "application/json";
    const answer = await fetch(path, { headers, cache: "no-store", ...sent });
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
    isKept = Object.fromEntries(models.map(({ name, feedback }) => [name, feedback]));
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
    closeForm();
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
    chips.replaceChildren(...saysOf(alarm), ...alarm.channels.map(([name, fraction]) => {
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
    body.setAttribute("aria-label", `${alarm.state} since ${alarm.since}`);
    body.tabIndex = 0;
    body.setAttribute("role", "button");
    body.classList.toggle("chosen", alarm.key === picked);
    body.onclick = () => { picked = alarm.key === picked ? null : alarm.key; channel = alarm.channels[0][0]; look(); };
    body.onkeydown = (key) => key.target === body && ["Enter", " "].includes(key.key) && (key.preventDefault(), body.onclick());
    return body;
  }

  function buttonOf(text, press) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.onclick = (click) => { click.stopPropagation(); press(); };
    return button;
  }

  const place = (text) => /^\d{4}-/.test(text) ? Date.parse(`${text.slice(0, 23)}Z`) : Number(text);
  const isOneDay = (start, end) => /^\d{4}-/.test(start) && start.slice(0, 10) === end.slice(0, 10);
  const span = ({ start, end }) => start === end ? moment(start)
    : `${moment(start)} – ${isOneDay(start, end) ? moment(end).slice(11) : moment(end)}`;
  const inEffect = () => (said[chosen.model]?.entries ?? []).filter((each) => !each.undone_by && each.machine === chosen.machine);
  const told = ({ kind, fault, author }) => `${kind === "normal" ? "was normal" : `is '${fault}'`}, says ${author}`;

  function saysOf(alarm) {
    const line = document.createElement("div");
    line.className = "says";
    if (alarm.like) {
      const like = document.createElement("span");
      like.className = "like";
      like.textContent = alarm.like;
      line.append(like);
    }
    const { start, end } = alarm.span;
    const before = inEffect().find((each) => place(each.start) <= place(end ?? start) && place(each.end) >= place(start));
    if (before) line.append(told(before));
    else if (typeof isKept[chosen.model] === "number") {
      const body = { machine: chosen.machine, ...alarm.span };
      line.append(
        buttonOf("was normal", () => openForm(body, "normal")), " ",
        buttonOf("name fault…", () => openForm(body, "fault")));
    }
    return line.childNodes.length ? [line] : [];
  }

  function openForm(body, kind) {
    const isUndo = kind === "undo";
    const path = `/models/${encodeURIComponent(chosen.model)}/feedback${isUndo ? `/${body.id}/undo` : ""}`;
    saying = { path, kind, body: isUndo ? {} : { kind, ...body } };
    const what = isUndo ? `Take back: ${told(body)}` : kind === "normal" ? "This was normal" : "Which fault is this?";
    element("about").textContent = `${what} (${body.end ? span(body) : `since ${moment(body.start)}`})`;
    element("which").hidden = kind !== "fault";
    element("why").hidden = isUndo;
    element("fault").required = kind === "fault";
    element("fault").value = element("note").value = element("refused").textContent = "";
    element("author").value = localStorage.getItem("seqae author") || "";
    const names = new Set((said[chosen.model]?.entries ?? []).map(({ fault }) => fault).filter(Boolean));
    element("faults").replaceChildren(...[...names].map((name) => new Option(name)));
    element("saying").hidden = false;
    element(kind === "fault" ? "fault" : "author").focus();
  }

  function closeForm() {
    saying = null;
    element("saying").hidden = true;
  }

  async function sendForm() {
    const { path, kind, body } = saying;
    const author = element("author").value.trim();
    const own = kind === "undo" ? {} : { note: element("note").value, ...(kind === "fault" && { fault: element("fault").value }) };
    localStorage.setItem("seqae author", author);
    try {
      await ask(path, { ...body, ...own, author });
      closeForm();
      look();
    } catch (error) {
      element("refused").textContent = error.status ? error.message : "The server does not answer.";
    }
  }

  async function learnFeedback(model) {
    const count = isKept[model];
    if (typeof count !== "number" || said[model]?.count === count) return;
    const { feedback } = await ask(`/models/${encodeURIComponent(model)}/feedback`);
    said[model] = { count, entries: feedback };
  }

  function showFeedback() {
    const entries = said[chosen.model]?.entries ?? [];
    element("feedback").hidden = !entries.length;
    element("said").replaceChildren(...entries.toReversed().map((entry) => {
      const item = document.createElement("li");
      const what = document.createElement("span");
      const who = document.createElement("small");
      const machine = entry.machine && entry.machine !== chosen.machine ? `${entry.machine}: ` : "";
      what.textContent = `${machine}${span(entry)} ${told(entry)}`;
      who.textContent = ` ${entry.note} ${moment(entry.at)}${entry.undone_by && `; taken back by ${entry.undone_by}`} `;
      item.classList.toggle("undone", entry.undone_by !== "");
      item.append(what, who);
      if (!entry.undone_by) item.append(buttonOf("take back", () => openForm(entry, "undo")));
      return item;
    }));
  }

  function alarmsOf(live) {
    const ended = live.events.map((event) => ({
      key: event.start, row: event.peak, state: "ended", severity: event.severity.toFixed(2),
      since: moment(event.start_time) || `row ${event.start}`,
      span: { start: event.start_time ?? String(event.start), end: event.end_time ?? String(event.stop - 1) },
      like: event.similar_fault && event.fault_distance < 1 ? `like '${event.similar_fault}' (${event.fault_distance.toFixed(2)})` : "",
      channels: Object.entries(event.channels).filter(([, fraction]) => fraction > 0.005).slice(0, 3),
    }));
    const last = Math.max(-1, ...live.events.map((event) => event.stop));
    const open = live.alerts.filter((alert) => alert.row >= last).map((alert) => ({
      key: -1 - alert.row, row: alert.row, state: "alert", severity: (alert.score / live.threshold).toFixed(2),
      since: moment(alert.time) || `row ${alert.row}`, channels: [[alert.channel, null]],
      span: { start: alert.time ?? String(alert.row) }, like: "",
    }));
    return [...ended, ...open].sort((one, other) => other.row - one.row);
  }

  function showAlarms(live) {
    const alarms = alarmsOf(live);
    const now = JSON.stringify([chosen, picked, alarms, isKept, live.drifts, said]);
    if (now === shown) return;  // what has the focus keeps it
    shown = now;
    showFeedback();
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

  let isPressed = false;  // a click is lost where what was pressed is replaced before it is released
  addEventListener("pointerdown", ({ button }) => { isPressed = button === 0; }, true);
  for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => { isPressed = false; }, true);
  async function untilReleased() { while (isPressed) await new Promise((resolve) => setTimeout(resolve, 20)); }

  async function show(machines) {
    await untilReleased();
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
    await learnFeedback(asked.model);
    await untilReleased();
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
  element("saying").onsubmit = (event) => { event.preventDefault(); sendForm(); };
  element("leave").onclick = closeForm;
  element("channels").onchange = (change) => { channel = change.target.value; look(); };
  element("pause").onclick = () => {
    isPaused = !isPaused;
    element("pause").textContent = isPaused ? "go on" : "pause";
    element("pause").setAttribute("aria-pressed", String(isPaused));
  };
  setInterval(() => { if (!isPaused && !looking && !document.hidden && element("gate").hidden) look(); }, EVERY);
  look();
})();
