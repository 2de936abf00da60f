"""The voice map as people use it: points to see, to point at, to choose and to go to, by mouse and by keys alone."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Route, expect
from web.pages.conftest import LIMIT_MS, Visit, Visiting

BETTER = "A better layout is being made"
LEFT_FREE = 0.06  # of the window on each side of a whole map
CLOSE = 3  # doublings, at which lines are shown around characters
FARTHEST = 0.02  # that they lie from a character with room around it, on the map


@dataclass(frozen=True, slots=True)
class Shown:
    """A map on the page, and where its points are in the browser's window."""

    page: Page
    map: dict[str, Any]
    looked_at: int | None = None  # the point in the middle, closely; else the whole map is in sight

    def place(self, point: int) -> tuple[float, float]:
        return self.place_of(self.map["x"][point], self.map["y"][point])

    def place_of(self, right: float, down: float) -> tuple[float, float]:
        box = self.page.locator("#map-window").bounding_box()
        assert box is not None
        x, y = self.map["x"], self.map["y"]
        size = (box["width"] / (max(x) - min(x)), box["height"] / (max(y) - min(y)))
        scale, middle = min(size) * (1 - 2 * LEFT_FREE), ((min(x) + max(x)) / 2, (min(y) + max(y)) / 2)
        if self.looked_at is not None:
            scale, middle = scale * 2**CLOSE, (x[self.looked_at], y[self.looked_at])
        left = box["x"] + box["width"] / 2 + scale * (right - middle[0])
        return left, box["y"] + box["height"] / 2 + scale * (down - middle[1])

    def lonely(self) -> int:
        """The point that is farthest from its neighbours."""
        places = [complex(x, y) for x, y in zip(self.map["x"], self.map["y"], strict=True)]
        apart = [min(abs(one - other) for other in places if other is not one) for one in places]
        return apart.index(max(apart))


def opened(visit: Visit, http: httpx.Client, path: str = "/map", *, of: str = "/v1/map") -> Shown:
    page = visit.open(path)
    page.locator("#map[data-shown]").wait_for()
    expect(page.get_by_text(BETTER)).to_be_hidden(timeout=LIMIT_MS)
    return Shown(page, http.get(of).json())


def colour_at(page: Page, left: float, top: float) -> tuple[int, ...]:
    """The colour of a pixel as it is on the screen."""
    png = page.screenshot(clip={"x": left, "y": top, "width": 1, "height": 1})
    return tuple(
        page.evaluate(
            """async (content) => {
                const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
                const context = new OffscreenCanvas(1, 1).getContext("2d");
                context.drawImage(await createImageBitmap(new Blob([bytes])), 0, 0);
                return [...context.getImageData(0, 0, 1, 1).data];
            }""",
            base64.b64encode(png).decode(),
        )
    )


@pytest.fixture
def shown(visit: Visit, http: httpx.Client) -> Shown:
    return opened(visit, http)


@pytest.mark.parametrize("by", ["gpu", "processor"])
def test_each_point_is_drawn_in_its_place_and_names_its_character_when_pointed_at(
    visit: Visit, http: httpx.Client, by: str
) -> None:
    if by == "gpu":  # the name of the renderer tells that here it is the processor too
        visit.page.add_init_script(
            "const own = WebGLRenderingContext.prototype.getExtension;"
            "WebGLRenderingContext.prototype.getExtension ="
            " function (name) { return name === 'WEBGL_debug_renderer_info' ? null : own.call(this, name); }"
        )
    shown = opened(visit, http)
    assert shown.page.locator("#map").get_attribute("data-drawn-by") == by
    point = shown.lonely()
    left, top = shown.place(point)
    assert colour_at(shown.page, left, top) != (255, 255, 255, 255)
    assert colour_at(shown.page, left + 30, top + 30) == (255, 255, 255, 255)
    shown.page.mouse.move(left + 2, top - 2)
    card = shown.page.locator("#map-card")
    expect(card).to_contain_text(shown.map["names"][point])
    expect(card).to_contain_text(shown.map["of_games"][shown.map["games"][point]]["title"])
    shown.page.mouse.move(left + 40, top + 40)
    expect(card).to_be_hidden()
    shown.page.mouse.click(left, top)
    expect(shown.page).to_have_url(re.compile(rf"/(characters/|search\?character=){shown.map['ids'][point]}$"))


def test_a_line_is_heard_under_the_pointer_once_sound_is_on(shown: Shown, http: httpx.Client) -> None:
    point = shown.lonely()
    shown.page.get_by_role("button", name="Sound").click()
    with shown.page.expect_request(re.compile(r"/v1/clips/\d+/audio")) as asked:
        shown.page.mouse.move(*shown.place(point))
    clips = http.get("/v1/clips", params={"character_id": shown.map["ids"][point], "limit": 5}).json()["clips"]
    assert asked.value.url.endswith(max(clips, key=lambda clip: float(clip["seconds"]))["audio"])


def test_a_lasso_chooses_the_points_within_and_lists_them_by_voice(visit: Visit, shown: Shown) -> None:
    page = shown.page
    places = [shown.place(point) for point in range(len(shown.map["ids"]))]
    edge = sorted(left for left, _ in places)[len(places) // 2] + 1
    within = {name for name, (left, _) in zip(shown.map["names"], places, strict=True) if left < edge}
    box = page.locator("#map-window").bounding_box()
    assert box is not None
    start, top, bottom = box["x"] + 20, box["y"] + 2, box["y"] + box["height"] - 2
    page.keyboard.down("Shift")
    page.mouse.move(start, top)
    page.mouse.down()
    for left, down in ((start, bottom), (edge, bottom), (edge, top)):
        page.mouse.move(left, down, steps=2)
    page.mouse.up()
    page.keyboard.up("Shift")
    chosen = page.locator("#map-chosen")
    expect(chosen.locator(".map-who > :first-child")).to_have_count(len(within))
    assert set(chosen.locator(".map-who > :first-child").all_inner_texts()) == within
    recurring = {shown.map["voices"][point] for point, place in enumerate(places) if place[0] < edge} - {None}
    assert chosen.get_by_role("heading", level=3, name=re.compile("^Voice")).count() == len(recurring)
    visit.check_accessible()
    with page.expect_request(re.compile(r"/v1/clips/\d+/audio")):
        chosen.get_by_role("button", name="Play a line of").first.click()
    chosen.get_by_role("button", name="Choose none").click()
    expect(chosen).to_be_hidden()


def test_keys_alone_find_a_character_go_on_to_its_neighbour_and_play_a_line(shown: Shown, visit: Visit) -> None:
    page, name = shown.page, shown.map["names"][3]
    said, card = page.locator("#map-said"), page.locator("#map-card")
    page.keyboard.press("/")
    page.keyboard.type(name)
    expect(page.get_by_role("option").first).to_contain_text(name)
    page.keyboard.press("Enter")
    expect(said).to_contain_text(name)
    visit.check_accessible()
    with page.expect_request(re.compile(r"/v1/clips/\d+/audio")):
        page.keyboard.press(" ")
    page.keyboard.press("0")
    for key in ("ArrowLeft", "ArrowRight"):
        page.keyboard.press(f"Shift+{key}")
    expect(said).not_to_contain_text(name + ",")
    expect(card).to_be_visible()
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    page.keyboard.press("+")
    expect(page).to_have_url(re.compile(r"zoom=0\.5"))


def test_a_games_lines_are_points_of_their_own_at_an_address_of_their_own(visit: Visit, http: httpx.Client) -> None:
    page = opened(visit, http, "/map?colour=maker").page
    assert page.locator("#map-way").input_value() == "maker"
    title = http.get("/v1/games/1").json()["title"]
    page.get_by_role("combobox", name="Find a character or a game").fill(title)
    page.get_by_role("option", name=title).first.click()
    lines = http.get("/v1/games/1/map").json()
    page.locator(f"#map[data-shown='lines {len(lines['ids'])}']").wait_for()
    assert page.url.endswith("/map?game=1")
    page.reload()
    page.locator("#map[data-shown]").wait_for()
    shown = Shown(page, lines)
    point = shown.lonely()
    page.mouse.move(*shown.place(point))
    text = http.get(f"/v1/clips/{lines['ids'][point]}").json()["text"]
    expect(page.locator("#map-card")).to_contain_text(text)
    page.get_by_label("Colours", exact=True).select_option("sex")
    expect(page.get_by_role("button", name=f"not known {len(lines['ids'])}")).to_be_visible()
    page.get_by_role("button", name="All characters").click()
    page.locator("#map[data-shown^=characters]").wait_for()
    page.go_back()
    page.locator("#map[data-shown^=lines]").wait_for()


@pytest.fixture
def close(visit: Visit, http: httpx.Client) -> Shown:
    """The map closely around the point farthest from its neighbours, with lines."""
    whole = Shown(visit.page, http.get("/v1/map").json())
    point = whole.lonely()
    x, y = (whole.map[axis][point] for axis in "xy")
    page = opened(visit, http, f"/map?x={x}&y={y}&zoom={CLOSE}").page
    page.locator("#map[data-lines]:not([data-lines='0'])").wait_for()
    return Shown(page, whole.map, point)


def test_zoomed_in_lines_lie_around_their_characters_and_are_heard_and_opened(close: Shown, http: httpx.Client) -> None:
    page, point = close.page, close.looked_at
    assert point is not None
    clips = http.get("/v1/map/clips", params={"character_id": close.map["ids"][point]}).json()
    assert len(clips["ids"]) > 1
    farthest = max(range(len(clips["ids"])), key=lambda place: abs(complex(clips["x"][place], clips["y"][place])))
    page.get_by_role("button", name="Sound").click()
    with page.expect_request(re.compile(r"/v1/clips/\d+/audio")) as asked:
        right, down = (close.map[axis][point] + FARTHEST * clips[axis][farthest] for axis in "xy")
        page.mouse.move(*close.place_of(right, down))
    assert asked.value.url.endswith(f"/v1/clips/{clips['ids'][farthest]}/audio")
    card = page.locator("#map-card")
    expect(card).to_contain_text(close.map["names"][point])
    expect(card).to_contain_text(http.get(f"/v1/clips/{clips['ids'][farthest]}").json()["text"])
    expect(page.get_by_text("The small points around a character are lines of it")).to_be_visible()
    left, top = close.place(point)
    assert colour_at(page, left, top) != (255, 255, 255, 255)
    assert colour_at(page, left, top + 22) == (255, 255, 255, 255)  # nothing lies on a character
    page.get_by_role("button", name="The whole map").click()
    page.locator("#map[data-lines='0']").wait_for()
    expect(page.get_by_text("The small points around a character are lines of it")).to_be_hidden()


def test_zoomed_in_lines_are_reached_by_keys_and_chosen_with_the_characters_by_a_lasso(
    close: Shown, visit: Visit, http: httpx.Client
) -> None:
    page, point = close.page, close.looked_at
    assert point is not None
    clips = http.get("/v1/map/clips", params={"character_id": close.map["ids"][point]}).json()
    right, down = clips["x"][0], clips["y"][0]
    texts = [http.get(f"/v1/clips/{id_}").json()["text"] for id_ in clips["ids"]]
    page.locator("#map").focus()
    page.keyboard.press(
        f"Shift+Arrow{('Right' if right > 0 else 'Left') if abs(right) > abs(down) else 'Down' if down > 0 else 'Up'}"
    )
    card = page.locator("#map-card")
    expect(card.locator(".map-text")).to_have_text(re.compile("|".join(map(re.escape, texts))))
    with page.expect_request(re.compile(r"/v1/clips/\d+/audio")):
        page.keyboard.press(" ")
    page.keyboard.press("Escape")
    box = page.locator("#map-window").bounding_box()
    assert box is not None
    left, top, right, bottom = box["x"] + 2, box["y"] + 60, box["x"] + box["width"] - 90, box["y"] + box["height"] - 2
    page.keyboard.down("Shift")
    page.mouse.move(left, top)
    page.mouse.down()
    for place in ((left, bottom), (right, bottom), (right, top)):
        page.mouse.move(*place, steps=2)
    page.mouse.up()
    page.keyboard.up("Shift")
    chosen = page.locator("#map-chosen")
    expect(chosen.get_by_role("heading", level=2)).to_have_text(
        re.compile(r"^\d+ characters? chosen, \d+ lines chosen$")
    )
    lines = chosen.get_by_role("heading", level=3, name=close.map["names"][point]).locator("xpath=..").locator("li")
    expect(lines).to_have_count(len(texts))
    visit.check_accessible()
    before = page.locator("#map").get_attribute("data-lines")
    page.get_by_role("button", name="Farther").click(click_count=3)
    assert page.locator("#map").get_attribute("data-lines") == before  # what is chosen stays
    chosen.get_by_role("button", name="Choose none").click()
    page.locator("#map[data-lines='0']").wait_for()


def test_lines_are_asked_for_few_characters_at_once_and_no_more_for_those_that_have_left(
    visit: Visit, http: httpx.Client
) -> None:
    known, side = http.get("/v1/map").json(), 50
    places = [((place % side) / (side - 1), (place // side) / (side - 1)) for place in range(side**2)]
    many = {
        **known,
        "better": False,
        "x": [x for x, _ in places],
        "y": [y for _, y in places],
        "ids": list(range(1, side**2 + 1)),
        **{name: [known[name][0]] * side**2 for name in ("names", "games", "voices", "sexes", "clips")},
    }
    page = visit.page
    page.route("**/v1/map", lambda route: route.fulfill(body=json.dumps(many)))
    held: list[Route] = []
    page.route("**/v1/map/clips?*", lambda route: held.append(route))  # never answered
    visit.open("/map?x=0.5&y=0.5&zoom=2")
    page.locator("#map[data-shown]").wait_for()
    ended: list[str] = []
    page.on("requestfailed", lambda request: ended.append(request.url))
    with page.expect_request("**/v1/map/clips?*") as asked:
        for _ in range(3):  # each may be a movement of its own, if the machine is slow
            page.get_by_role("button", name="Closer").click()
    assert 0 < asked.value.url.count("character_id=") <= 40
    page.get_by_role("button", name="Closer").click()
    while asked.value.url not in ended:
        page.wait_for_event("requestfailed")
    assert all(route.request.url.count("character_id=") <= 40 for route in held)


def test_characters_are_coloured_by_the_sex_that_credits_say_and_the_others_are_grey(
    visit: Visit, http: httpx.Client
) -> None:
    known = http.get("/v1/map").json()
    point = Shown(visit.page, known).lonely()
    sexes = [None] * len(known["ids"])
    sexes[point], sexes[point - 1], sexes[point - 2] = "f", "m", "m"
    visit.page.route("**/v1/map", lambda route: route.fulfill(body=json.dumps({**known, "sexes": sexes})))
    shown = opened(visit, http, "/map?colour=sex")
    entries = shown.page.get_by_label("What the colours mean").get_by_role("button")
    assert entries.all_inner_texts() == ["female\n1", "male\n2", f"not known\n{len(sexes) - 3}"]
    expect(shown.page.get_by_text("spksearch credits import FILE")).to_be_visible()
    red, green, blue, _ = colour_at(shown.page, *shown.place(point))
    assert red > green > blue  # orange
    shown.page.get_by_label("Colours", exact=True).select_option("game")
    expect(shown.page.get_by_text("spksearch credits import FILE")).to_be_hidden()


def test_points_move_to_a_better_map_once_it_is_made(visit: Visit, http: httpx.Client) -> None:
    better = http.get("/v1/map").json()
    rough = {**better, "better": True, "x": better["y"], "y": better["x"]}
    made: list[bool] = []

    def answer(route: Route) -> None:
        route.fulfill(body=json.dumps({**better, "better": False} if made else rough))

    visit.page.route("**/v1/map", answer)
    page = visit.open("/map")
    page.get_by_text(BETTER).wait_for()
    point = Shown(page, better).lonely()
    page.mouse.move(*Shown(page, rough).place(point))
    card = page.locator("#map-card")
    expect(card).to_contain_text(better["names"][point])
    made.append(True)
    expect(page.get_by_text(BETTER)).to_be_hidden(timeout=LIMIT_MS)
    expect(card).to_be_visible()  # it stays with its point
    page.mouse.move(*Shown(page, better).place(point))
    expect(card).to_contain_text(better["names"][point])


def test_without_webgl_the_map_says_so_and_there_is_a_list(visit: Visit, http: httpx.Client) -> None:
    visit.page.add_init_script(
        "const own = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext ="
        " function (kind, more) { return kind === 'webgl' ? null : own.call(this, kind, more); }"
    )
    shown = opened(visit, http)
    page = shown.page
    expect(page.get_by_text("This browser has no WebGL")).to_be_visible()
    assert colour_at(page, *shown.place(shown.lonely())) != (255, 255, 255, 255)
    page.get_by_role("button", name="List", exact=True).click()
    page.get_by_label("Filter by name").fill("天野")
    expect(page.get_by_role("row")).to_have_count(2)
    expect(page.get_by_role("cell", name="天野 こまち", exact=True)).to_be_visible()
    visit.check_accessible()


def test_the_map_is_moved_and_zoomed_by_touch_and_a_tap_holds_the_card(
    visiting: Visiting, server: Any, http: httpx.Client
) -> None:
    visit = visiting(server.url, has_touch=True, viewport={"width": 390, "height": 844})
    shown = opened(visit, http)
    point = shown.lonely()
    shown.page.touchscreen.tap(*shown.place(point))
    card = shown.page.locator("#map-card")
    expect(card).to_contain_text(shown.map["names"][point])
    card.get_by_role("button", name="Lines of this game").click()
    shown.page.locator("#map[data-shown^=lines]").wait_for()
    expect(card).to_be_hidden()
