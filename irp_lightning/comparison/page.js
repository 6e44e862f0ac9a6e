// A click on a column's name sorts by it, a second one the other way round. Numbers come before gaps
// either way; rows that are equal keep their order.
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => {
      const upwards = heading.getAttribute("aria-sort") !== "ascending";
      const direction = upwards ? 1 : -1;
      const order = new Intl.Collator("en", { numeric: true });
      const rows = [...table.tBodies[0].rows];
      const numbers = rows.some((row) => "key" in row.cells[column].dataset);
      const compare = (one, other) => {
        const [a, b] = [one.cells[column], other.cells[column]];
        if (!numbers) return direction * order.compare(a.textContent, b.textContent);
        const gaps = Number(!("key" in a.dataset)) - Number(!("key" in b.dataset));
        if (gaps !== 0) return gaps;
        return "key" in a.dataset ? direction * (Number(a.dataset.key) - Number(b.dataset.key)) : 0;
      };
      table.tBodies[0].append(...rows.sort(compare));
      table.classList.add("sorted");
      for (const other of headings) other.setAttribute("aria-sort", "none");
      heading.setAttribute("aria-sort", upwards ? "ascending" : "descending");
    });
  });
}
