import { expect, it } from "vitest";

import { element, group } from "./markup.ts";

it("escapes text and attributes, and leaves markup as it is", () => {
  const inner = element("b", { title: '"<&>"' }, "1 < 2 & 3");
  expect(element("p", { id: "x", class: undefined }, "a ", inner, [" ", "b"]).markup).toBe(
    '<p id="x"><b title="&quot;&lt;&amp;&gt;&quot;">1 &lt; 2 &amp; 3</b> b</p>'.replace(
      '<p id="x">',
      '<p id="x">a ',
    ),
  );
  expect(group("<", element("br")).markup).toBe("&lt;<br>");
});

it("rounds numbers in attributes", () => {
  expect(element("rect", { x: 1 / 3 }).markup).toBe('<rect x="0.33"></rect>');
});
