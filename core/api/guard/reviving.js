// A page of Streamlit that breaks off takes itself away and leaves nothing: then it is opened again, once that can be.
// Seen when the connection is lost before the navigation was drawn: Streamlit then knows no address for its links.
(() => {
  const root = document.getElementById("root");
  const KEY = "broken-off";
  const LONGEST = 30000;
  let drawn = false;
  let broken = false;

  const pause = () => {
    const recent = JSON.parse(sessionStorage.getItem(KEY) || "[]").filter((at) => Date.now() - at < 120000);
    sessionStorage.setItem(KEY, JSON.stringify([...recent, Date.now()]));
    return recent.length ? Math.min(LONGEST, 1000 * 2 ** recent.length) : 0;
  };

  const say = (words) => {
    const line = document.createElement("p");
    line.setAttribute("role", "status");
    line.style.cssText = "margin:20vh auto;max-width:30rem;padding:0 1rem;font:15px/1.5 system-ui,sans-serif";
    line.textContent = words;
    document.documentElement.style.colorScheme = "light dark";
    root.replaceChildren(line);
  };

  const openAgain = () => {
    fetch(location.href, { method: "HEAD", cache: "no-store" }).then(
      (answer) => (answer.status < 500 ? location.reload() : setTimeout(openAgain, 2000)),
      () => setTimeout(openAgain, 2000),
    );
  };

  new MutationObserver(() => {
    if (broken) return;
    broken = drawn && !root.hasChildNodes();
    drawn = root.hasChildNodes();
    if (broken) {
      say("The page broke off. It opens again by itself.");
      setTimeout(openAgain, pause());
    }
  }).observe(root, { childList: true });
})();
