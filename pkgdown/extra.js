// The list of headings beside a page.
const toc = document.getElementById("toc");
const headings = document.querySelectorAll("main h2:not([data-toc-skip]), main h3:not([data-toc-skip])");
for (const heading of toc ? headings : []) {
  const id = heading.id || heading.closest("[id]")?.id;
  if (!id || id === "main") continue;
  const link = document.createElement("a");
  link.href = "#" + id;
  link.className = heading.tagName.toLowerCase();
  link.textContent = heading.textContent;
  if (link.className === "h2") link.className = "";
  toc.append(link);
}
