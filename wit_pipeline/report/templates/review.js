"use strict";
const verdicts = new Map();
const count = document.getElementById("judged");
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-verdict]");
  if (!button) return;
  const { set, image, pair } = button.closest("figure").dataset;
  const verdict = button.dataset.verdict;
  verdicts.set(JSON.stringify([set, image, pair]), { set, image, pair_key: pair, verdict });
  for (const other of button.parentElement.children) {
    other.setAttribute("aria-pressed", String(other === button));
  }
  count.textContent = String(verdicts.size);
});
document.getElementById("save").addEventListener("click", () => {
  const text = JSON.stringify({ reviewed: [...verdicts.values()] }, null, 1);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = "reviewed.json";
  link.click();
});
