"""Synthetic pages: a few kB of association-like text in English or Chinese."""
import random
from dataclasses import dataclass, field

EN = (
    "The association was founded by families of the harbour district and is open to every resident.",
    "Our volunteers offer language lessons, homework help and legal first advice on weekday evenings.",
    "The spring dinner takes place in the assembly hall; tickets are sold at the front desk.",
    "Members meet on the first Sunday of the month to discuss the programme of the year.",
    "The choir, the chess circle and the table tennis group welcome beginners of all ages.",
    "Donations to the scholarship fund are acknowledged in the annual report of the treasurer.",
    "The reading room holds newspapers, picture books and a small archive of letters.",
    "Please bring the completed form and a copy of the invitation to the service counter.",
    "A delegation of the sister city visited the exhibition and planted a maple tree.",
    "The committee thanks all sponsors of the dragon boat regatta for their support.",
    "Opening hours during the holidays are posted on the notice board beside the entrance.",
    "Minutes of the general assembly can be read in the office upon request.",
)
ZH = (
    "本会由港区各界乡亲发起成立，旨在联络乡谊，服务社区，弘扬中华文化。",
    "每周三晚间举办中文学习班与义务法律咨询，欢迎各界人士踊跃参加。",
    "春节联欢晚会将在会馆礼堂举行，门票可在前台领取。",
    "理事会于每月第一个星期日召开例会，讨论年度工作计划。",
    "合唱团、棋艺社与乒乓球队常年招收新会员，不限年龄。",
    "奖学金基金的捐款名单将在年度财务报告中公布。",
    "图书室备有报刊、儿童读物以及会史资料，供会员借阅。",
    "办理手续请携带填写完整的表格及邀请函复印件到服务窗口。",
    "友好城市代表团参观了图片展，并在花园种植了一棵枫树。",
    "筹委会感谢各位赞助人对龙舟比赛的大力支持。",
)
ZH_HANT = (
    "本會由港區各界鄉親發起成立，旨在聯絡鄉誼，服務社區，弘揚中華文化。",
    "每週三晚間舉辦中文學習班與義務法律諮詢，歡迎各界人士踴躍參加。",
    "春節聯歡晚會將在會館禮堂舉行，門票可在前臺領取。",
    "理事會於每月第一個星期日召開例會，討論年度工作計劃。",
    "合唱團、棋藝社與乒乓球隊常年招收新會員，不限年齡。",
    "獎學金基金的捐款名單將在年度財務報告中公布。",
    "圖書室備有報刊、兒童讀物以及會史資料，供會員借閱。",
    "籌委會感謝各位贊助人對龍舟比賽的大力支持。",
)
TEXTS = {"en": EN, "zh-CN": ZH, "zh-TW": ZH_HANT}
SKINS = ("plain", "harbour", "lantern", "orchard", "slate", "meridian")
GENERATORS = ("WordPress 6.1", "Hugo 0.111.3", "DedeCMS V57", "Joomla! 4.2", "Jekyll v4.3.2", None)

# Snippets as their vendors publish them, reduced to what carries the id.
SNIPPETS = {
    "google_analytics_ua": "<script>(function(i,s,o,g,r){{i[r]=i[r]||[]}})(window,document,'script',"
        "'https://www.google-analytics.com/analytics.js','ga');ga('create','UA-{0}-{n}','auto');</script>",
    "google_tag": "<script async src=\"https://www.googletagmanager.com/gtm.js?id={0}\"></script>",
    "baidu_tongji": "<script>var _hmt=_hmt||[];(function(){{var hm=document.createElement(\"script\");"
        "hm.src=\"https://hm.baidu.com/hm.js?{0}\";}})();</script>",
    "cnzz": "<script src=\"https://s{n}.cnzz.com/z_stat.php?id={0}&amp;web_id={0}\"></script>",
    "la51": "<script src=\"//js.users.51.la/{0}.js\"></script>",
    "resource_host": "<script async src=\"https://stats.{0}/matomo.js\"></script>",
    "baidu_site_verification": "<meta content=\"codeva-{0}\" name=\"baidu-site-verification\">",
    "icp": "<p><a href=\"https://beian.miit.gov.cn/\" rel=\"nofollow\">{0}号-{n}</a></p>",
    "public_security": "<p><a href=\"http://www.beian.gov.cn/portal/registerSystemInfo?recordcode={0}\">"
        "闽公网安备 {0}号</a></p>",
}
IN_HEAD = ("baidu_site_verification", "google_tag", "google_analytics_ua")


@dataclass
class Page:
    title: str
    seed: str
    lang: str = "en"
    charset: str = "utf-8"
    declared: str = "meta"      # header | meta | bom | none
    ids: dict = field(default_factory=dict)  # indicator -> value
    site_number: int = 1        # the -N that analytics accounts give each site
    icon: str = None            # href of <link rel=icon>
    extra: str = ""             # HTML added to the body
    size: int = 0               # pad the body to this many bytes
    raw: bytes = None           # the whole body, where it is not generated

    @property
    def content_type(self):
        return "text/html" + (f"; charset={self.charset}" if self.declared == "header" else "")

    def snippet(self, kind):
        return SNIPPETS[kind].format(self.ids[kind], n=self.site_number)

    def html(self):
        rng = random.Random(self.seed)
        skin, generator = rng.choice(SKINS), rng.choice(GENERATORS)
        text = list(TEXTS[self.lang])
        rng.shuffle(text)
        head = [f"<meta charset=\"{self.charset}\">"] if self.declared == "meta" else []
        head += [f"<title>{self.title}</title>", f"<meta name=\"description\" content=\"{text[0]}\">"]
        if generator:
            head.append(f"<meta name=\"generator\" content=\"{generator}\">")
        if self.icon:
            head.append(f"<link rel=\"icon\" href=\"{self.icon}\">")
        head += [self.snippet(k) for k in self.ids if k in IN_HEAD]
        body = [f"<div class=\"{skin}-top\"><h1>{self.title}</h1></div>"]
        for n, start in enumerate(range(0, len(text), 3)):
            body.append(f"<section id=\"{skin}-{n}\"><p>{'</p><p>'.join(text[start:start + 3])}</p></section>")
        body.append(self.extra)
        footer = [self.snippet(k) for k in self.ids if k not in IN_HEAD]
        body.append(f"<div class=\"{skin}-foot\">&copy; {self.title}" + "\n".join(footer) + "</div>")
        return (f"<!DOCTYPE html>\n<html lang=\"{self.lang}\">\n<head>\n" + "\n".join(head)
                + "\n</head>\n<body>\n" + "\n".join(filter(None, body)) + "\n</body>\n</html>\n")

    def render(self):
        if self.raw is not None:
            return self.raw
        data = self.html().encode(self.charset)
        if self.declared == "bom":
            data = b"\xef\xbb\xbf" + data
        if self.size > len(data):
            data += b"<!-- " + b"x" * (self.size - len(data) - 9) + b" -->"
        return data


def _fixed(title, text, lang="en"):
    return Page(title, title, lang, raw=(
        f"<!DOCTYPE html>\n<html lang=\"{lang}\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\n"
        f"<body><h1>{title}</h1>\n<p>{text}</p></body></html>\n").encode())


def parked():
    """The same bytes for every parked name, as the parking provider serves them."""
    return _fixed("Domain parked", "This domain is parked free of charge by Slipway Parking (lab). "
                  "Related searches: boats, moorings, harbours, ropes, sails, lanterns.")


def for_sale(domain):
    return _fixed(domain + " - domain for sale", f"The domain is for sale: buy this domain. 域名出售：{domain}")


def nginx_default():
    return _fixed("Welcome to nginx!", "If you see this page, the nginx web server is successfully installed "
                  "and working. Further configuration is required.")


def gambling():
    return _fixed("真人百家乐 - 体育投注 - 娱乐城", "真人荷官在线百家乐，体育投注、棋牌、彩票，注册即送。" * 6, "zh-CN")


def icon(seed):
    """A valid 16x16 one-colour .ico whose bytes depend only on the seed."""
    rng = random.Random("icon " + seed)
    colour = bytes(rng.randrange(256) for _ in range(3)) + b"\xff"
    header = b"\x28\0\0\0\x10\0\0\0\x20\0\0\0\x01\0\x20\0" + b"\0" * 24
    image = header + colour * 256 + b"\0" * 64
    return (b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0" + len(image).to_bytes(4, "little")
            + (22).to_bytes(4, "little") + image)
