/* Numbers of clauses (F1, S2, ...) link to themselves, so that one can be copied into a report. */
document.addEventListener("DOMContentLoaded", () => {
  for (const anchor of document.querySelectorAll("a[id]:empty")) {
    const number = anchor.nextElementSibling;
    if (number && number.tagName === "STRONG" && number.textContent.toLowerCase() === anchor.id) {
      number.innerHTML = `<a class="clause" href="#${anchor.id}">${number.textContent}</a>`;
    }
  }
});
