"use strict";
(async () => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const element = (id) => document.getElementById(id);

  const [timeline] = await Promise.all([
    Bokeh.embed.embed_item(data.timeline, "timeline"),
    data.losses && Bokeh.embed.embed_item(data.losses, "losses"),
  ]);
  const find = (name) => timeline.roots[0].model.document.get_model_by_name(name);
  const [time, shown, signals] = ["time", "shown", "channel"].map(find);
  const whole = [time.start, time.end];
  let chosen = -1;

  const fitTicks = () => {
    const count = window.innerWidth < 600 ? 2 : 6;
    for (const axis of [...find("lanes").above, ...find("heat").below]) axis.ticker.desired_num_ticks = count;
  };
  window.addEventListener("resize", fitTicks);
  fitTicks();

  time.change.connect(() => {
    const fine = find("fine");
    if (fine) fine.visible = time.end - time.start < (whole[1] - whole[0]) / 4;
  });

  function showChannel(channel) {
    element("channels").value = channel;
    shown.data = shown.tags[channel].data;
    signals.left[0].axis_label = data.channels[channel].label;
  }

  function scrollWithin(list, row) {  // scrollIntoView would move the page, too
    const [outer, inner] = [list, row].map((each) => each.getBoundingClientRect());
    if (inner.top < outer.top) list.scrollTop += inner.top - outer.top;
    if (inner.bottom > outer.bottom) list.scrollTop += inner.bottom - outer.bottom;
  }

  function showTime(left, right) {
    time.setv({ start: Math.max(left, whole[0]), end: Math.min(right, whole[1]) });
  }

  function showContributions(channels, whose) {
    element("whose").textContent = whose;
    const largest = Math.max(...channels.map(([, fraction]) => fraction));
    element("contributions").replaceChildren(...channels.slice(0, 10).map(([channel, fraction, text]) => {
      const bar = document.createElement("button");
      bar.className = "bar";
      bar.innerHTML = "<span></span><i></i><b></b>";
      const [name, line, value] = bar.children;
      name.textContent = name.title = data.channels[channel].name;
      line.style.width = `${100 * fraction / largest}%`;
      value.textContent = text;
      bar.onclick = () => showChannel(channel);
      return bar;
    }));
  }

  function choose(event, channel) {
    chosen = event;
    const rows = document.querySelectorAll("[data-event]");
    rows.forEach((row, number) => row.classList.toggle("chosen", number === event));
    if (event < 0) {
      showTime(...whole);
      showContributions(data.contributions, "to all alarms");
      return;
    }
    const { left, right, contributions } = data.events[event];
    scrollWithin(rows[event].closest(".scroll"), rows[event]);
    showTime(left, right);
    showChannel(channel ?? contributions[0][0]);
    showContributions(contributions, `to alarm ${event + 1}`);
  }

  document.querySelectorAll("[data-event]").forEach((row, event) => {
    row.onclick = () => choose(event);
    row.onkeydown = (key) => ["Enter", " "].includes(key.key) && (key.preventDefault(), choose(event));
  });
  document.querySelectorAll("[data-left]").forEach((fault) => {
    fault.onclick = () => showTime(Number(fault.dataset.left), Number(fault.dataset.right));
  });
  element("channels").onchange = (change) => showChannel(Number(change.target.value));
  element("whole").onclick = () => choose(-1);
  element("next").onclick = () => data.events.length && choose((chosen + 1) % data.events.length);
  element("previous").onclick = () => data.events.length && choose((Math.max(chosen, 0) || data.events.length) - 1);
  find("heat").on_event("tap", ({ y }) => {
    const channel = Math.floor(data.channels.length - y);
    if (channel in data.channels) showChannel(channel);
  });

  showChannel(data.first.channel);
  choose(data.first.event, data.first.channel);
  document.body.dataset.ready = "yes";
})();
