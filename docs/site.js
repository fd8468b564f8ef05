// The cells of a table with three columns or more know their column: on a phone they stand below each other (site.css).
document$.subscribe(() => {
  for (const table of document.querySelectorAll(".md-typeset table:not([class])")) {
    const names = [...table.querySelectorAll("th")].map((head) => head.innerText);
    if (names.length <= 2) continue;
    table.dataset.wide = "";
    for (const row of table.tBodies[0].rows) {
      [...row.cells].forEach((cell, column) => (cell.dataset.name = names[column] ?? ""));
    }
  }
});
