from django.db import migrations

CLEARANCE = {
    "needs_clearance": True,
    "requirements": "Everyone who meets with students alone needs a Be A Mentor account, fingerprints, and a TB test. We’ll guide you through it. The badge lasts one school year.",
    "requirements_es": "Quien se reúne a solas con estudiantes necesita una cuenta de Be A Mentor, huellas digitales y una prueba de tuberculosis. Le ayudamos con el trámite. La credencial dura un año escolar.",
}

# Community Relations' checklist, in its order. `work_based_learning` is the stage on California's continuum of work-based
# learning, which doesn't cover what adults do without students.
KINDS = {
    "curriculum": {
        "name": "Contribute to curriculum development",
        "name_es": "Contribuir a la elaboración de planes de estudio",
        "tagline": "Help decide what students should learn to work in your field.",
        "tagline_es": "Oriente sobre lo que los estudiantes deben aprender para trabajar en su campo.",
        "units": ("hour", "hours", "hora", "horas"),
        "example": "Read a course outline for medical assisting and say what a clinic expects today.",
        "example_es": "Lea el programa de un curso de asistencia médica y diga qué espera hoy una clínica.",
    },
    "tours": {
        "name": "Host tours and field trips",
        "name_es": "Recibir visitas y excursiones",
        "tagline": "Show a class how your workplace runs, for an hour or a day.",
        "tagline_es": "Muestre a una clase cómo funciona su lugar de trabajo, durante una hora o un día.",
        "units": ("visit", "visits", "visita", "visitas"),
        "example": "A class of fourth graders walks through the bakery before it opens.",
        "example_es": "Una clase de cuarto grado recorre la panadería antes de que abra.",
        "work_based_learning": "awareness",
    },
    "advisory": {
        "name": "Participate in advisory committees",
        "name_es": "Participar en comités asesores",
        "tagline": "Meet with a school team a few times a year.",
        "tagline_es": "Reúnase con un equipo escolar unas cuantas veces al año.",
        "units": ("meeting", "meetings", "reunión", "reuniones"),
        "example": "Four evenings a year with the teachers of a health academy.",
        "example_es": "Cuatro tardes al año con docentes de una academia de salud.",
    },
    "teachers": {
        "name": "Collaborate with teachers",
        "name_es": "Colaborar con maestras y maestros",
        "tagline": "Plan a lesson, a project or a visit together.",
        "tagline_es": "Planeen juntos una lección, un proyecto o una visita.",
        "units": ("hour", "hours", "hora", "horas"),
        "example": "Help a math teacher build a lesson on loading a truck.",
        "example_es": "Ayude a preparar una lección de matemáticas sobre cómo cargar un camión.",
    },
    "mentors": {
        "name": "Be mentors and role models",
        "name_es": "Ser mentores y ejemplos a seguir",
        "tagline": "Meet with the same student regularly.",
        "tagline_es": "Reúnase periódicamente con el mismo estudiante.",
        "units": ("student", "students", "estudiante", "estudiantes"),
        "example": "Lunch with one ninth grader every other week.",
        "example_es": "Un almuerzo cada dos semanas con un estudiante de noveno grado.",
        "work_based_learning": "exploration",
        **CLEARANCE,
    },
    "presentations": {
        "name": "Host class presentations",
        "name_es": "Dar presentaciones en clase",
        "tagline": "Talk about your work in a classroom.",
        "tagline_es": "Hable de su trabajo en un salón de clases.",
        "units": ("visit", "visits", "visita", "visitas"),
        "example": "An electrician brings a fuse box and tells how she learned her trade.",
        "example_es": "Una electricista lleva una caja de fusibles y cuenta cómo aprendió su oficio.",
        "work_based_learning": "awareness",
    },
    "service": {
        "name": "Assist in service-learning projects",
        "name_es": "Apoyar proyectos de aprendizaje-servicio",
        "tagline": "Help students do something useful for their neighborhood.",
        "tagline_es": "Ayude a estudiantes a hacer algo útil por su vecindario.",
        "units": ("project", "projects", "proyecto", "proyectos"),
        "example": "Plant trees along a slough with two classes and measure them in spring.",
        "example_es": "Plante árboles junto a un canal con dos clases y mídanlos en primavera.",
        "work_based_learning": "preparation",
    },
    "internships": {
        "name": "Provide job shadowing, internships, and apprenticeships",
        "name_es": "Ofrecer observación laboral (job shadowing), pasantías y programas de aprendizaje",
        "tagline": "Make room for a student at your workplace.",
        "tagline_es": "Reciba a un estudiante en su lugar de trabajo.",
        "units": ("place", "places", "lugar", "lugares"),
        "example": "A junior spends six weeks of the summer in the machine shop, paid.",
        "example_es": "Una estudiante de 11.º grado pasa seis semanas de verano, con paga, en el taller.",
        "work_based_learning": "preparation",
        **CLEARANCE,
    },
}


def add(apps, schema_editor):
    kinds = apps.get_model("partners", "PromiseType").objects
    for order, (code, words) in enumerate(KINDS.items(), start=1):
        units = dict(zip(("unit", "unit_plural", "unit_es", "unit_plural_es"), words["units"], strict=True))
        fields = {name: value for name, value in words.items() if name != "units"}
        kinds.get_or_create(code=code, defaults={"order": 10 * order, **units, **fields})


def remove(apps, schema_editor):
    """Delete the promise types that no promise has."""
    kinds = apps.get_model("partners", "PromiseType").objects
    kinds.filter(code__in=KINDS, promises__isnull=True).delete()


class Migration(migrations.Migration):

    dependencies = [
        ('partners', '0001_initial'),
    ]

    operations = [
        migrations.RunPython(add, remove),
    ]
