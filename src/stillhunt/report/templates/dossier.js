// What is folded on the screen is open on paper. The page reads the same without this.
addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
});
