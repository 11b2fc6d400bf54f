// Looks at a comparison's page from within: what overlaps, what is cut off, whether it is wider than the window.
// Tells its findings, as JSON, to the page that holds it in a frame; see check.sh.
const problems = [];
if (document.documentElement.scrollWidth > window.innerWidth) {
  problems.push(`the page is ${document.documentElement.scrollWidth} wide in a window of ${window.innerWidth}`);
}
for (const details of document.querySelectorAll("details")) details.open = true;
for (const svg of document.querySelectorAll("svg")) {
  const frame = svg.getBoundingClientRect();
  const name = svg.querySelector("title").textContent;
  const texts = [...svg.querySelectorAll("text")].map((text) => {
    const title = text.querySelector("title");
    return { text: text.textContent.replace(title ? title.textContent : "", ""), box: text.getBoundingClientRect() };
  });
  for (const [i, a] of texts.entries()) {
    const out = Math.max(frame.left - a.box.left, a.box.right - frame.right, frame.top - a.box.top,
      a.box.bottom - frame.bottom);
    if (out > 1) problems.push(`${name}: "${a.text}" is ${out.toFixed(1)} outside`);
    for (const b of texts.slice(0, i)) {
      const width = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
      const height = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
      // Boxes of lines hold room above and below the letters.
      if (width > 1 && height > 5) problems.push(`${name}: "${a.text}" is over "${b.text}"`);
    }
  }
}
const smallest = Math.min(...[...document.querySelectorAll("svg text")].map((text) => {
  const scale = text.ownerSVGElement.getBoundingClientRect().width / text.ownerSVGElement.viewBox.baseVal.width;
  return parseFloat(getComputedStyle(text).fontSize) * scale;
}));
if (smallest < 8) problems.push(`the smallest text of a picture is ${smallest.toFixed(1)} pixels high`);
parent.postMessage(JSON.stringify({
  width: window.innerWidth, pictures: document.querySelectorAll("svg").length,
  smallest_text: Number(smallest.toFixed(1)), problems,
}), "*");
