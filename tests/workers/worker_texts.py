"""One short article in eight languages, each long enough for a language to be told."""

TEXTS = {
    "en": """Rye bread starts with a sour dough that is fed twice a day for at least a week. The baker keeps the sour
dough warm and judges its strength by smell. On baking day the dough is mixed before sunrise and rests for three hours.
The loaves then spend seventy minutes in the stone oven. The heat of the stone oven falls slowly. A thick crust keeps
rye bread fresh for a week without any additives.""",
    "de": """Roggenbrot beginnt mit einem Sauerteig, der mindestens eine Woche lang zweimal am Tag gefüttert wird. Der
Bäcker hält den Sauerteig warm und beurteilt seine Kraft am Geruch. Am Backtag wird der Teig vor Sonnenaufgang gemischt
und ruht drei Stunden. Danach backt das Roggenbrot siebzig Minuten im Steinofen. Die Hitze im Steinofen fällt langsam.
Eine dicke Kruste hält das Roggenbrot eine Woche lang frisch.""",
    "fr": """Le pain de seigle commence par un levain nourri deux fois par jour pendant une semaine. Le boulanger garde
le levain au chaud et juge sa force à l'odeur. Le jour de la cuisson, la pâte est mélangée avant l'aube et repose trois
heures. Ensuite le pain de seigle passe soixante-dix minutes dans le four en pierre. La chaleur du four en pierre baisse
lentement. Une croûte épaisse garde le pain de seigle frais pendant une semaine.""",
    "ja": """ライ麦パンは、一週間以上かけて育てたサワー種から作られます。職人は毎日二回サワー種に粉と水を加え、
香りで発酵の強さを判断します。
焼く日には日の出前に生地をこね、三時間休ませます。その後、ライ麦パンは石窯で七十分焼かれます。石窯の温度はゆっくり下がります。
厚い皮のおかげで、ライ麦パンは添加物なしで一週間もちます。""",
    "zh": """黑麦面包从酸面团开始，酸面团每天喂养两次，至少需要一周。
面包师用手搅拌酸面团，并通过气味判断发酵的强度。烘焙当天，
面团在日出前混合，然后静置三小时。随后黑麦面包在石窑中烘烤七十分钟。厚厚的外皮和天然酸使黑麦面包无需添加剂即可保鲜一周。""",
    "ko": """호밀빵은 일주일 이상 키운 사워도우로 만듭니다. 제빵사는
하루에 두 번 사워도우에 밀가루와 물을 더하고 향으로 발효의 세기를 판단합니다.
굽는 날에는 해가 뜨기 전에 반죽을 섞고 세 시간 쉬게 합니다. 호밀빵을
돌가마에서 칠십 분 동안 굽습니다. 돌가마의 온도는 천천히 내려갑니다.
호밀빵은 첨가물 없이 일주일 동안 신선합니다.""",
    "ru": """Ржаной хлеб начинается с закваски, которую кормят дважды в день не меньше недели. Пекарь держит закваску в
тепле и судит о её силе по запаху. В день выпечки тесто замешивают до рассвета, и оно отдыхает три часа. Затем ржаной
хлеб семьдесят минут стоит в каменной печи. Жар в каменной печи медленно спадает. Толстая корка неделю сохраняет ржаной
хлеб свежим.""",
    "ar": """يبدأ خبز الجاودار بعجينة حامضة تُغذى مرتين يومياً لمدة أسبوع على الأقل. يحافظ الخباز على العجينة دافئة
ويحكم على قوتها بالرائحة. في يوم الخبز تُخلط العجينة قبل شروق الشمس وترتاح ثلاث ساعات. ثم يبقى خبز الجاودار سبعين دقيقة
في فرن حجري. تحافظ القشرة السميكة على خبز الجاودار طازجاً لمدة أسبوع.""",
}
