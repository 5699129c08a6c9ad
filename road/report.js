"use strict";
for (const section of document.querySelectorAll(".case")) {
  const fps = Number(section.dataset.fps), frames = Number(section.dataset.frames);
  const clips = [...section.querySelectorAll("video.step")], shared = document.querySelector("video.clock");
  const lead = clips.at(-1) ?? (document.querySelectorAll(".case").length === 1 ? shared : null);
  const followers = clips.slice(0, -1);
  const cursors = section.querySelectorAll(".cursor"), counter = section.querySelector(".frame");
  let shown = 0;
  const show = (frame) => {
    shown = Math.min(Math.max(frame, 0), Math.max(frames - 1, 0));
    if (counter) counter.textContent = shown;
    const x = (shown / Math.max(frames - 1, 1)) * 720;
    for (const cursor of cursors) { cursor.setAttribute("x1", x); cursor.setAttribute("x2", x); }
  };
  const go = (frame) => { show(frame); if (lead) lead.currentTime = (frame + 0.5) / fps; };
  if (lead) {
    const follow = () => {
      for (const other of followers) {
        if (other.playbackRate !== lead.playbackRate) other.playbackRate = lead.playbackRate;
        const apart = Math.abs(other.currentTime - lead.currentTime);
        if (apart > (lead.paused ? 0.001 : 1.5 / fps)) other.currentTime = lead.currentTime;
        if (lead.paused !== other.paused) { if (lead.paused) other.pause(); else other.play().catch(() => {}); }
      }
      show(Math.floor(lead.currentTime * fps + 1e-6));
    };
    for (const event of ["play", "pause", "seeking", "seeked", "timeupdate", "ratechange"]) lead.addEventListener(event, follow);
    const tick = () => { if (!lead.paused) follow(); requestAnimationFrame(tick); };
    requestAnimationFrame(tick);
  }
  for (const chart of section.querySelectorAll(".chart")) {
    chart.addEventListener("click", (event) => {
      const box = chart.getBoundingClientRect();
      go(Math.round(((event.clientX - box.left) / box.width) * (frames - 1)));
    });
  }
  for (const button of section.querySelectorAll("[data-go]")) button.addEventListener("click", () => go(Number(button.dataset.go)));
}
