const slides = [...document.querySelectorAll(".slide")];
let at = 0;

// Show a slide; coming back to it, with its outputs.
function show(number, open) {
  at = Math.max(0, Math.min(number, slides.length - 1));
  slides.forEach((slide, other) => slide.classList.toggle("current", other === at));
  for (const output of slides[at].querySelectorAll(".later"))
    output.classList.toggle("shown", open);
  document.getElementById("number").textContent = `${at + 1} / ${slides.length}`;
  history.replaceState(null, "", `#${at + 1}`);
  slides[at].scrollTop = 0;
  slides[at].focus();
}

function on() {
  const hidden = slides[at].querySelector(".later:not(.shown)");
  if (!hidden) return show(at + 1, false);
  hidden.classList.add("shown");
  hidden.scrollIntoView({ block: "nearest" });
}

// A number is that of a slide; all else is the name of something on one.
function follow() {
  const name = decodeURIComponent(location.hash.slice(1));
  const place = document.getElementById(name)?.closest(".slide");
  show(place ? slides.indexOf(place) : (parseInt(name) || 1) - 1, false);
}

const keys = {
  ArrowRight: on,
  PageDown: on,
  " ": on,
  ArrowLeft: () => show(at - 1, true),
  PageUp: () => show(at - 1, true),
  Home: () => show(0, false),
  End: () => show(slides.length - 1, false),
  n: () => document.body.classList.toggle("notes"),
};

document.documentElement.classList.add("js");
document.getElementById("on").onclick = on;
document.getElementById("back").onclick = () => show(at - 1, true);
addEventListener("keydown", (event) => {
  const onButton = event.target.tagName === "BUTTON" && event.key === " ";
  if (event.ctrlKey || event.altKey || event.metaKey || onButton || !keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});
addEventListener("hashchange", follow);
follow();
